"""Quality of small tables of kept and rejected rows, with a judge whose truth is known."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from tests.evaluation.data_quality.fake_judge import FakeJudge

from pipeline.core.errors import UserError
from pipeline.evaluation.annotation_judge.held_back import HeldBack
from pipeline.evaluation.annotation_judge.judge import AnnotationJudge
from pipeline.evaluation.data_quality.measure_generated import measure_generated
from pipeline.evaluation.data_quality.params import EvaluateDataParams
from pipeline.evaluation.data_quality.row_judge import RowJudge
from pipeline.storage.shards import ImageShards, ShardWriter
from pipeline.tables.examples import CAPTION_EXAMPLES, PAIR_EXAMPLES
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.triplets import KEPT_DC, KEPT_QA, REJECTED_DC, REJECTED_QA

Shards = Callable[[str], ImageShards]
PARAMS = EvaluateDataParams(seed=0, judged_images=None, rows_per_reason=1)
BOX = [0.0, 0.0, 1.0, 1.0]


def qa_row(number, answer, reason=None, question="what colour?"):
    return {
        "key": f"image{number % 2}",
        "pair_id": number,
        "box": BOX,
        "region_caption": "a thing",
        "question": question,
        "answer": answer,
        "question_type": "what",
        "answer_confidence": 0.5,
        "filter_answer": None,
        "filter_confidence": None,
        "reason": reason,
    }


def dc_row(number, caption, reason=None):
    row = {"key": "image0", "region_id": number, "box": BOX, "caption": caption, "confidence": 0.5}
    return {**row, "reason": reason}


@pytest.fixture
def tables(tmp_path) -> tuple[Path, Path]:
    kept, rejected = tmp_path / "kept", tmp_path / "rejected"
    KEPT_QA.write(kept / "train-00000-qa.parquet", [qa_row(0, "red"), qa_row(1, "red"), qa_row(2, "blue")])
    REJECTED_QA.write(
        rejected / "train-00000-qa.parquet",
        [qa_row(3, "red", "duplicate"), qa_row(4, "x", "empty", "what shape?"), qa_row(5, "blue", "duplicate")],
    )
    KEPT_DC.write(kept / "train-00000-dc.parquet", [dc_row(0, "red ball")])
    REJECTED_DC.write(rejected / "train-00000-dc.parquet", [dc_row(1, "red"), dc_row(2, "blue", "duplicate")][1:])
    return kept, rejected


@pytest.fixture
def shards(tmp_path: Path, jpeg: Callable[..., bytes]) -> Callable[[str], ImageShards]:
    """Two images with urls of a scheme."""

    def write(scheme: str) -> ImageShards:
        with ShardWriter(tmp_path / "pairs" / "train-00000.tar", "train") as writer:
            for number in range(2):
                writer.add(f"image{number}", jpeg(number), ["a caption"], url=f"{scheme}://{number}")
        MANIFEST.write(tmp_path / "pairs" / "manifest.parquet", writer.manifest())
        return ImageShards(tmp_path / "pairs")

    return write


def judged(pairs: ImageShards, held_back: HeldBack | None = None) -> tuple[ImageShards, RowJudge]:
    """The pairs with their judge; held_back: what annotators say about `image0`."""
    annotations = AnnotationJudge({"image0": held_back} if held_back else {})
    return pairs, RowJudge(pairs.urls, FakeJudge(), annotations)


def test_quality_before_and_after_the_filter(tables: tuple[Path, Path], shards: Shards, tmp_path: Path):
    quality = measure_generated(PARAMS, *tables, *judged(shards("known")), tmp_path)
    assert quality["generated"]["correct"] == 50.0
    assert quality["generated"]["not_understood"] == 16.67
    assert quality["kept"]["correct"] == 66.67
    assert quality["filter_effect"]["right_kept"] == 66.67
    assert quality["captions"]["generated"] == {"count": 2, "true": 50.0}
    assert quality["captions"]["kept"] == {"count": 1, "true": 100.0}
    examples = PAIR_EXAMPLES.read(tmp_path / "details" / "pairs.parquet").to_pylist()
    assert sorted(str(row["reason"]) for row in examples) == ["None", "duplicate", "empty"]
    assert {row["truth"] for row in examples} == {"red", None}
    assert CAPTION_EXAMPLES.read(tmp_path / "details" / "captions.parquet").num_rows == 2
    assert "kept,correct,66.67" in (tmp_path / "plots" / "verdicts.csv").read_text()


def test_without_an_oracle_nothing_is_judged(tables: tuple[Path, Path], shards: Shards, tmp_path: Path):
    quality = measure_generated(PARAMS, *tables, *judged(shards("http")), tmp_path)
    assert "correct" not in quality["generated"]
    assert "captions" not in quality
    assert {row["verdict"] for row in PAIR_EXAMPLES.read(tmp_path / "details" / "pairs.parquet").to_pylist()} == {None}


HELD_BACK = HeldBack([(BOX, "a green ball")], {"what colour": [(None, ["red"])]})


def test_annotations_judge_what_no_oracle_knows(tables: tuple[Path, Path], shards: Shards, tmp_path: Path):
    quality = measure_generated(PARAMS, *tables, *judged(shards("http"), HELD_BACK), tmp_path)
    assert quality["annotated_images"] == 1 and quality["images"] == 2
    assert [quality[part]["judged"] for part in ("generated", "kept", "rejected")] == [33.33, 66.67, 0.0]
    assert quality["kept"]["correct"] == quality["kept"]["wrong"] == 50.0
    assert "correct" not in quality["rejected"] and "unanswerable" not in quality["kept"]
    assert quality["captions"]["generated"] == {"count": 2, "judged": 50.0, "true": 100.0}
    rows = PAIR_EXAMPLES.read(tmp_path / "details" / "pairs.parquet").to_pylist()
    assert {row["truth"] for row in rows if row["verdict"]} <= {"red"}
    csv = (tmp_path / "plots" / "verdicts.csv").read_text()
    assert "kept,wrong,50.0" in csv and "unanswerable" not in csv


def test_the_oracle_comes_before_annotations(tables: tuple[Path, Path], shards: Shards, tmp_path: Path):
    pairs, none, some = shards("known"), HeldBack(), HELD_BACK
    qualities = [measure_generated(PARAMS, *tables, *judged(pairs, held_back), tmp_path) for held_back in (none, some)]
    assert qualities[0] == qualities[1] == measure_generated(PARAMS, *tables, *judged(pairs), tmp_path)


def test_each_image_has_its_own_judge(tables: tuple[Path, Path], shards: Shards, tmp_path: Path):
    pairs = shards("http")
    urls = {"image0": "http://0", "image1": "known://1"}
    judge = RowJudge(urls, FakeJudge(), AnnotationJudge({"image0": HELD_BACK}))
    quality = measure_generated(PARAMS, *tables, pairs, judge, tmp_path)
    assert quality["annotated_images"] == 1
    assert quality["generated"]["judged"] == 83.33 and quality["generated"]["unanswerable"] == 0.0
    assert quality["generated"]["by_kind"]["colour"]["count"] == 3


def test_val_images_are_measured_beside_the_others(tables: tuple[Path, Path], shards: Shards, tmp_path: Path):
    pairs = shards("known")
    assert "val" not in measure_generated(PARAMS, *tables, *judged(pairs), tmp_path)
    with ShardWriter(tmp_path / "pairs" / "val-00001.tar", "val") as writer:
        writer.add("image9", pairs.jpeg("image0"), ["a caption"], url="known://9")
    MANIFEST.write(tmp_path / "pairs" / "manifest.parquet", pa.concat_tables([pairs.manifest, writer.manifest()]))
    kept, rejected = (folder / "val" for folder in tables)
    KEPT_QA.write(kept / "val-00001-qa.parquet", [qa_row(0, "red") | {"key": "image9"}])
    REJECTED_QA.write(rejected / "val-00001-qa.parquet", [])
    KEPT_DC.write(kept / "val-00001-dc.parquet", [dc_row(0, "blue") | {"key": "image9"}])
    REJECTED_DC.write(rejected / "val-00001-dc.parquet", [])
    quality = measure_generated(PARAMS, *tables, *judged(ImageShards(tmp_path / "pairs")), tmp_path)
    assert quality["val"]["kept"]["correct"] == 100.0 and quality["val"]["captions"]["kept"]["true"] == 0.0
    assert quality["generated"]["count"] == 6


def test_a_sample_of_images_may_be_judged(tables: tuple[Path, Path], shards: Shards, tmp_path: Path):
    few = PARAMS.model_copy(update={"judged_images": 1})
    quality = measure_generated(few, *tables, *judged(shards("known")), tmp_path)
    assert quality["images"] == 1
    assert quality["generated"]["count"] == 3


def test_rows_of_unknown_images_are_refused(tables: tuple[Path, Path], shards: Shards, tmp_path: Path):
    kept = tables[0] / "train-00000-dc.parquet"
    KEPT_DC.write(kept, [dc_row(0, "red ball") | {"key": "nowhere"}])
    with pytest.raises(UserError, match="images that are not there") as error:
        measure_generated(PARAMS, *tables, *judged(shards("known")), tmp_path)
    assert "nowhere" in error.value.found and str(kept) in error.value.where


@pytest.mark.parametrize(("folder", "suffix"), [("kept", "qa"), ("kept", "dc"), ("rejected", "qa"), ("rejected", "dc")])
def test_a_missing_table_is_named(tables: tuple[Path, Path], shards: Shards, tmp_path: Path, folder: str, suffix: str):
    path = tmp_path / folder / f"train-00000-{suffix}.parquet"
    path.unlink()
    with pytest.raises(UserError, match="lacks the table of a shard") as error:
        measure_generated(PARAMS, *tables, *judged(shards("known")), tmp_path)
    assert error.value.where == str(path)
