"""One shard through the filter, with a second model that answers from a table."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.triplets.fakes import FakeFilterModel, as_filter_model

from pipeline.core.errors import UserError
from pipeline.core.samples import sample_of
from pipeline.storage.shards import ImageShards
from pipeline.storage.triplets import read_triplets
from pipeline.tables.splits import has_val_rows, val_folder
from pipeline.tables.table import Table
from pipeline.tables.triplets import GENERATED_DC, GENERATED_QA, KEPT_DC, KEPT_QA, REJECTED_DC, REJECTED_QA
from pipeline.triplets.filter.params import FilterParams
from pipeline.triplets.filter.step import FilterStep, generated_shards, second_answers
from pipeline.triplets.statistics.filtered import filter_metrics

FILTER = {
    "rules": {"min_question_words": 2, "min_answer_confidence": 0.0},
    "second_answer": {
        "agreement": {"kind": "exact"},
        "min_filter_confidence": 0.0,
        "images_per_batch": 2,
    },
    "limits": {"per_type": None, "yes_no_ratio": None},
    "captions": {"min_confidence": 0.0, "duplicate_iou": 0.5, "duplicate_token_f1": 1.0},
}


def test_filter_keeps_what_both_say(shard: Path, generated: Path, tmp_path: Path) -> None:
    step = FilterStep(FilterParams.model_validate(FILTER), tmp_path)
    answerer = FakeFilterModel()
    step.answerer = as_filter_model(answerer)
    (work,) = generated_shards(generated, ImageShards(shard.parent))
    step.run(work, tmp_path)
    kept = KEPT_QA.read(tmp_path / "kept" / "train-00000-qa.parquet").to_pylist()
    rejected = REJECTED_QA.read(tmp_path / "rejected" / "train-00000-qa.parquet").to_pylist()
    assert {row["key"] for row in kept} == {"a", "c"}
    assert {row["filter_answer"] for row in kept} == {"red"}
    # Of every box one of two equal questions falls, before the second model is asked.
    assert [row["reason"] for row in rejected].count("duplicate") == 15
    assert [row["reason"] for row in rejected].count("disagreement") == 10
    assert {row["filter_answer"] for row in rejected if row["reason"] == "duplicate"} == {None}
    assert len(answerer.asked) == 30
    assert KEPT_DC.read(tmp_path / "kept" / "train-00000-dc.parquet").num_rows == 15
    assert REJECTED_DC.read(tmp_path / "rejected" / "train-00000-dc.parquet").num_rows == 0


def test_each_distinct_question_of_an_image_is_answered_once(shard: Path) -> None:
    rows = [{"key": key, "question": text} for key, text in [("a", "q"), ("a", "q"), ("c", "q"), ("a", "r")]]
    answerer = FakeFilterModel()
    answers = second_answers(as_filter_model(answerer), rows, [0, 1, 2, 3], shard, images_per_batch=1)
    assert sorted(answers) == [0, 1, 2, 3]
    assert answerer.asked == ["q", "r", "q"]
    with pytest.raises(UserError, match="image that the shard lacks"):
        second_answers(as_filter_model(answerer), [{"key": "z", "question": "q"}], [0], shard, 1)


def test_a_batch_that_memory_does_not_hold_is_refused(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"key": key, "question": text} for key, text in [("a", "q"), ("a", "r"), ("c", "q")]]
    # Two images, each with its pixels, its tokens and one box, and three texts.
    batch = 2 * (8 * 8 * 4 + 10 + 100) + 3 * 1000
    monkeypatch.setattr("pipeline.execution.batch_memory.memory_bytes", lambda: batch)
    assert len(second_answers(as_filter_model(FakeFilterModel()), rows, [0, 1, 2], shard, 65_536)) == 3
    monkeypatch.setattr("pipeline.execution.batch_memory.memory_bytes", lambda: batch - 1)
    assert len(second_answers(as_filter_model(FakeFilterModel()), rows, [0, 1, 2], shard, 1)) == 3
    with pytest.raises(UserError, match="more memory than the machine has") as error:
        second_answers(as_filter_model(FakeFilterModel()), rows, [0, 1, 2], shard, 65_536)
    assert error.value.where == "filter.second_answer.images_per_batch"
    assert error.value.found == "2 images with 2 boxes and 3 texts in a batch"


def test_whoever_learns_from_triplets_does_not_see_those_of_val_images(shard: Path, generated: Path) -> None:
    step = FilterStep(FilterParams.model_validate(FILTER), generated)
    step.answerer = as_filter_model(FakeFilterModel())
    (work,) = generated_shards(generated, ImageShards(shard.parent))
    step.run(work, generated)
    kept, rejected = generated / "kept", generated / "rejected"
    of_train = read_triplets(KEPT_QA, kept, ImageShards(shard.parent), "align", "")
    metrics = filter_metrics(kept, rejected)
    for folder in (kept, rejected):
        assert not has_val_rows(folder)
        shutil.copytree(folder, val_folder(folder))
        assert has_val_rows(folder)
    assert read_triplets(KEPT_QA, kept, ImageShards(shard.parent), "align", "").equals(of_train)
    assert filter_metrics(kept, rejected) == metrics


def test_missing_pieces_are_named(shard: Path, generated: Path) -> None:
    (generated / "train-00000-dc.parquet").unlink()
    with pytest.raises(UserError, match="lacks the table of a shard"):
        generated_shards(generated, ImageShards(shard.parent))
    with pytest.raises(UserError, match="missing or empty"):
        generated_shards(generated / "no", ImageShards(shard.parent))


def test_an_error_names_the_batch(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(FakeFilterModel, "answer", fail)
    rows = [{"key": key, "question": "q"} for key in "ac"]
    with pytest.raises(ValueError, match="a bug") as caught:
        second_answers(as_filter_model(FakeFilterModel()), rows, [0, 1], shard, images_per_batch=2)
    assert sample_of(caught.value) == f"{shard}: a … c"


@pytest.mark.parametrize(("table", "suffix"), [(GENERATED_QA, "qa"), (GENERATED_DC, "dc")])
def test_rows_of_unknown_images_are_refused(
    shard: Path, generated: Path, tmp_path: Path, table: Table, suffix: str
) -> None:
    path = generated / f"train-00000-{suffix}.parquet"
    first, *others = table.read(path).to_pylist()
    table.write(path, [first | {"key": "nowhere"}, *others])
    step = FilterStep(FilterParams.model_validate(FILTER), tmp_path)
    step.answerer = as_filter_model(FakeFilterModel())
    (work,) = generated_shards(generated, ImageShards(shard.parent))
    with pytest.raises(UserError, match="images that are not there") as error:
        step.run(work, tmp_path)
    assert "nowhere" in error.value.found and str(path) in error.value.where
