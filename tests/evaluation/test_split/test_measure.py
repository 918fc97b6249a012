"""Generator and filter model of the smallest size on a split test, and the stage as a command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.questioner import annotated
from tests.questioner.small import FEW_IMAGES, ONE_LAYER, training
from tests.report.synthetic import write_images, write_rows

from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.evaluation.data_quality.params import EvaluateDataParams
from pipeline.evaluation.test_split.blind_captions import BlindCaptioner
from pipeline.evaluation.test_split.measure import FinalEvaluation
from pipeline.evaluation.test_split.region_captions import region_caption_metrics
from pipeline.evaluation.test_split.rows import AnnotatedRows
from pipeline.questioner.decoding.filter_model import FilterModel
from pipeline.questioner.decoding.generator import Generator
from pipeline.questioner.training.params import TrainFilterParams, TrainGeneratorParams
from pipeline.questioner.training.train import QuestionerTraining
from pipeline.questioner.training.validate import GREEDY
from pipeline.storage.images import decode_image
from pipeline.storage.shards import ImageShards
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.described_boxes import DESCRIBED_BOXES
from pipeline.tables.held_out import HELD_OUT_ANSWERS
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.splits import TEST

TABLES = ((MANIFEST, "manifest"), (REGIONS, "regions"), (QUESTIONS, "questions"))
TEST_KEYS = ("image9", "image10", "image11")
Change = Callable[[dict[str, Any]], dict[str, Any] | None]


def edit(annotations: Path, change: Change) -> None:
    """Change rows of all three tables, or leave them out (None)."""
    for table, name in TABLES:
        path = annotations / f"{name}.parquet"
        rows = [change(row) for row in table.read(path).to_pylist()]
        table.write(path, [row for row in rows if row is not None])


def hold_back(annotations: Path, keys: Collection[str]) -> None:
    """Put images into the split test; image9's first box gets a second phrase."""
    edit(annotations, lambda row: row | {"split": TEST} if row["key"] in keys else row)
    path = annotations / "regions.parquet"
    rows = REGIONS.read(path).to_pylist()
    second = next(row for row in rows if row["key"] == "image9") | {"region_id": "7", "phrase": "crimson things"}
    REGIONS.write(path, [*rows, second])


def train(root: Path) -> None:
    """Both models and what they said of held-out images."""
    shared = {"model": ONE_LAYER, "samples": {"mask_prob": 0.6}, "validation": FEW_IMAGES, "training": training(4)}
    for params in (TrainGeneratorParams.model_validate(shared), TrainFilterParams.model_validate(shared)):
        name = "train_generator" if isinstance(params, TrainGeneratorParams) else "train_filter"
        QuestionerTraining(params, Paths.of(root, name)).run()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """Trained models, three test images among twelve annotated ones, and pairs of other images."""
    paths = Paths.of(tmp_path_factory.mktemp("repository"), "evaluate_data")
    annotated.write_annotations(paths.annotations, images=12)
    hold_back(paths.annotations, TEST_KEYS)
    train(paths.root)
    write_images(paths.pairs, "train", 3, 1, known=False)
    write_rows(paths.root, 3, hostile=False, keep=True)
    return paths


@pytest.fixture
def paths(made: Paths, tmp_path: Path) -> Paths:
    """The same with tables of one's own."""
    shutil.copytree(made.annotations, tmp_path / "annotations")
    return replace(made, annotations=tmp_path / "annotations", results=tmp_path / "results")


def evaluate(paths: Paths, **params: Any) -> dict[str, Any]:
    found = EvaluateDataParams.model_validate({"seed": 0, "judged_images": None, "rows_per_reason": 2, **params})
    return FinalEvaluation(found, paths, AnnotatedRows.read(paths.annotations, TEST)).run()


def test_every_box_is_captioned_once(paths: Paths) -> None:
    metrics = evaluate(paths, images_per_batch=2)
    rows = DESCRIBED_BOXES.read(paths.results / "details/test/generator/captions.parquet").to_pylist()
    assert [(row["key"], row["region_id"]) for row in rows] == [(key, n) for key in TEST_KEYS for n in ("0", "1")]
    assert rows[0]["phrases"] == ["a red square", "crimson things"]
    model, shards = Generator.load(paths.generator), ImageShards(paths.annotations)
    sampling = GREEDY.model_copy(update={"max_tokens": model.config.max_tokens})
    for key in TEST_KEYS:
        image = decode_image(shards.jpeg(key), where=key)
        alone = model.describe([image], [annotated.BOXES], [key], sampling)[0]
        assert [text.text for text in alone] == [row["caption"] for row in rows if row["key"] == key]
    phrases = [row["phrases"] for row in rows]
    assert metrics["region_captions"] == region_caption_metrics([row["caption"] for row in rows], phrases)
    assert (metrics["region_captions"]["boxes"], metrics["region_captions"]["phrases"]) == (6, 7)
    blind = metrics["region_captions_blind"]
    assert blind == region_caption_metrics([row["blind_caption"] for row in rows], phrases)
    for share, column in (("region_captions", "head_noun"), ("region_captions_blind", "blind_head_noun")):
        right = sum(row[column] is True for row in rows)
        assert metrics[share]["head_noun"] == pytest.approx(100 * right / 6, abs=0.01)
    # All training boxes are the same two, and their nouns too: the box alone tells them.
    assert blind["head_noun"] == blind["head_noun_strict"] == 100


def test_the_baseline_learns_from_training_regions_alone(paths: Paths) -> None:
    edit(
        paths.annotations, lambda row: row | {"phrase": "a cube"} if "phrase" in row and row["split"] == "val" else row
    )
    rows = REGIONS.read(paths.annotations / "regions.parquet").to_pylist()
    learned = [row for row in rows if row["split"] == "train"]
    evaluate(paths)
    captions = DESCRIBED_BOXES.read(paths.results / "details/test/generator/captions.parquet").to_pylist()
    blind = BlindCaptioner([row["box"] for row in learned], [row["phrase"] for row in learned])
    assert [row["blind_caption"] for row in captions] == [blind.caption(row["box"]) for row in captions]
    assert not any("cube" in row["blind_caption"] for row in captions)


def test_both_models_answer_every_question(paths: Paths) -> None:
    metrics = evaluate(paths)
    rows: list[dict[str, Any]] = []
    for name in ("generator", "filter"):
        answered = metrics[f"{name}_answers"]
        rows = HELD_OUT_ANSWERS.read(paths.results / f"details/test/{name}/answers.parquet").to_pylist()
        # One of three questions of an image is longer than the models read, and counts.
        assert answered["questions"] == len(rows) == 9 and {row["key"] for row in rows} == set(TEST_KEYS)
        right = [row["answer"] == max(row["references"], key=row["references"].count) for row in rows]
        assert answered["exact_normalised"] == pytest.approx(100 * sum(right) / 9, abs=0.01)
        assert answered["by_source"]["a"]["questions"] == 3 and answered["by_source"]["b"]["questions"] == 6
        # All yes-or-no questions have one answer, and so have those that are too long.
        assert answered["by_question_type"]["binary"]["blind_exact"] == 100
        assert answered["blind_exact_normalised"] >= 66
    # The last table is that of the filter model, which is asked here in its own way.
    model, shards = FilterModel.load(paths.filter_model), ImageShards(paths.annotations)
    of_image = [row for row in rows if row["key"] == "image9"]
    said = model.answer([decode_image(shards.jpeg("image9"), "")], [[row["question"] for row in of_image]])[0]
    assert [text.text for text in said] == [row["answer"] for row in of_image]


def test_regions_alone_need_no_filter_model(paths: Paths) -> None:
    whole = evaluate(paths)
    edit(paths.annotations, lambda row: None if row["split"] == TEST and "question" in row else row)
    metrics = evaluate(replace(paths, filter_model=paths.root / "none"))
    assert metrics.keys() == {"images", "images_among_pairs", "region_captions", "region_captions_blind"}
    assert metrics["region_captions"] == whole["region_captions"]


def test_questions_alone_give_no_captions(paths: Paths) -> None:
    edit(paths.annotations, lambda row: None if row["split"] == TEST and "phrase" in row else row)
    assert evaluate(paths).keys() == {"images", "images_among_pairs", "generator_answers", "filter_answers"}
    assert not (paths.results / "details/test/generator/captions.parquet").exists()


def test_test_images_among_the_pairs_are_counted(paths: Paths, tmp_path: Path) -> None:
    assert evaluate(paths)["images_among_pairs"] == 0
    pairs = tmp_path / "pairs"
    shutil.copytree(paths.annotations, pairs)
    metrics = evaluate(replace(paths, pairs=pairs))
    assert (metrics["images"], metrics["images_among_pairs"]) == (3, 3)


def test_a_missing_model_names_its_stage(paths: Paths) -> None:
    with pytest.raises(UserError) as error:
        evaluate(replace(paths, generator=paths.root / "none"))
    assert "dvc repro train_generator" in str(error.value.fix)
    with pytest.raises(UserError) as error:
        evaluate(replace(paths, filter_model=paths.root / "none"))
    assert "dvc repro train_filter" in str(error.value.fix)


def test_a_batch_that_does_not_fit_into_memory_is_refused(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.execution.batch_memory.memory_bytes", lambda: 1000)
    with pytest.raises(UserError, match="more memory") as error:
        evaluate(paths)
    assert error.value.where == "evaluate_data.images_per_batch"


def test_no_training_reads_the_split(made: Paths, tmp_path: Path) -> None:
    shutil.copytree(made.annotations, tmp_path / "data/annotations")
    edit(tmp_path / "data/annotations", lambda row: None if row["split"] == TEST else row)
    train(tmp_path)
    for name in ("generator", "filter"):
        weights = [(root / "models" / name / "model.safetensors").read_bytes() for root in (made.root, tmp_path)]
        assert weights[0] == weights[1]
        said = f"results/train_{name}/held_out/answers.parquet"
        assert (made.root / said).read_bytes() == (tmp_path / said).read_bytes()


RUN = """
import runpy, sys
try:
    runpy.run_path("stages/evaluate_data.py", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
print("torch" in sys.modules)
"""


def test_the_stage_loads_models_only_if_there_is_a_split_test(root: Path, made: Paths, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    for name in ("data", "models", "results"):
        shutil.copytree(made.root / name, clone / name)
    for name in ("src", "stages"):
        shutil.copytree(root / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "presets/smoke.yaml", clone / "params.yaml")

    def run() -> tuple[str, dict[str, Any]]:
        done = subprocess.run([sys.executable, "-c", RUN], cwd=clone, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[-1], json.loads((clone / "results/evaluate_data/metrics.json").read_text())

    torch, metrics = run()
    assert torch == "True" and metrics["test"]["region_captions"]["boxes"] == 6
    assert (clone / "results/evaluate_data/details/test/generator/captions.parquet").is_file()
    edit(clone / "data/annotations", lambda row: None if row["split"] == TEST else row)
    shutil.rmtree(clone / "models")
    torch, without = run()
    assert torch == "False" and without == {name: metrics[name] for name in ("data_quality", "held_out")}
