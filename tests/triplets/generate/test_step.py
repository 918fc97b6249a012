"""One shard through generation, with a generator that answers from a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.triplets.conftest import GENERATE
from tests.triplets.fakes import FakeGenerator, as_generator

from pipeline.core.errors import UserError
from pipeline.core.samples import sample_of
from pipeline.execution.step import Shard
from pipeline.storage.shards import ImageShards
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.triplets import GENERATED_DC, GENERATED_QA
from pipeline.triplets.generate.params import GenerateParams
from pipeline.triplets.generate.step import GenerateStep


def test_generation_writes_every_question_of_every_box(generated: Path) -> None:
    pairs = GENERATED_QA.read(generated / "train-00000-qa.parquet").to_pylist()
    captions = GENERATED_DC.read(generated / "train-00000-dc.parquet").to_pylist()
    assert len(pairs) == 3 * 5 * 3
    assert len(captions) == 3 * 5
    of_b = [row for row in pairs if row["key"] == "b"]
    assert [row["pair_id"] for row in of_b] == list(range(15))
    assert [row["question_type"] for row in of_b[:3]] == ["what", "what", "binary"]
    assert of_b[3]["box"] == [0.0, 0.0, 0.5, 0.5]
    assert of_b[3]["region_caption"] == captions[5]["caption"] == "b box"
    assert {row["answer"] for row in of_b} == {"blue"}


def test_the_fingerprint_follows_the_weights_and_not_the_provenance(tmp_path: Path) -> None:
    params = GenerateParams.model_construct()
    step = GenerateStep(params, tmp_path / "model")
    with pytest.raises(UserError, match="missing or empty"):
        step.parameters()
    step.model.mkdir()
    (step.model / "model.safetensors").write_bytes(b"weights")
    (step.model / "provenance.json").write_text("{}")
    before = step.parameters()
    (step.model / "provenance.json").write_text('{"commit": "other"}')
    assert step.parameters() == before
    (step.model / "model.safetensors").write_bytes(b"other weights")
    assert step.parameters() != before


def test_the_share_of_bad_boxes_that_is_accepted_computes_nothing_again(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"weights")

    def parameters(**changes: object) -> dict[str, object]:
        boxes = {"kind": "file", "path": "boxes.parquet", "top_n": 4} | changes
        return GenerateStep(GenerateParams.model_validate(GENERATE | {"boxes": boxes}), tmp_path).parameters()

    assert parameters() == parameters(max_dropped_share=0.5) != parameters(top_n=5)


def test_val_images_are_further_shards_of_the_same_step(shard: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"weights")
    with_val, without = (
        GenerateStep(GenerateParams.model_validate(GENERATE | more), tmp_path / "model")
        for more in ({"val_split": True}, {})
    )
    assert with_val.parameters() == without.parameters()
    rows = MANIFEST.read(shard.parent / "manifest.parquet").to_pylist()
    (shard.parent / "val-00001.tar").write_bytes(shard.read_bytes())
    val = [row | {"key": f"val-{row['key']}", "split": "val", "shard": "val-00001"} for row in rows]
    MANIFEST.write(shard.parent / "manifest.parquet", [*rows, *val])
    pairs = ImageShards(shard.parent)
    assert [work.name for work in without.shards(pairs, None)] == ["train-00000"]
    assert [work.name for work in with_val.shards(pairs, None, "val")] == ["val-00001"]


def test_a_batch_that_memory_does_not_hold_is_refused(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(images_per_batch: int) -> None:
        params = GenerateParams.model_validate(GENERATE | {"images_per_batch": images_per_batch})
        step = GenerateStep(params, tmp_path)
        step.generator = as_generator(FakeGenerator())
        step.run(Shard("train-00000", (shard,)), tmp_path)

    # Of an image: its decoded pixels, its tokens, five boxes, and three texts of each.
    image = 8 * 8 * 4 + 10 + 5 * 100 + 15 * 1000
    monkeypatch.setattr("pipeline.execution.batch_memory.memory_bytes", lambda: 3 * image)
    run(65_536)
    monkeypatch.setattr("pipeline.execution.batch_memory.memory_bytes", lambda: 3 * image - 1)
    run(2)
    with pytest.raises(UserError, match="more memory than the machine has") as error:
        run(3)
    assert error.value.where == "generate.images_per_batch"
    assert error.value.found == "3 images with 15 boxes and 45 texts in a batch"


def test_an_error_names_the_batch(shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a bug")

    step = GenerateStep(GenerateParams.model_validate(GENERATE), tmp_path)
    step.generator = as_generator(FakeGenerator())
    monkeypatch.setattr(FakeGenerator, "ask", fail)
    with pytest.raises(ValueError, match="a bug") as caught:
        step.run(Shard("train-00000", (shard,)), tmp_path)
    assert sample_of(caught.value) == f"{shard}: a … b"
