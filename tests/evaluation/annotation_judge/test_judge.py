"""Annotations of the split judge, on the pairs' photographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.core.errors import UserError
from pipeline.evaluation.annotation_judge.judge import MIN_IOU, AnnotationJudge, overlap
from pipeline.storage.shards import ImageShards, ShardWriter
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.pairs import MANIFEST

LEFT, ALL = [0.0, 0.0, 0.5, 1.0], [0.0, 0.0, 1.0, 1.0]
NEARLY_LEFT, RIGHT = [0.0, 0.0, 0.45, 0.95], [0.5, 0.0, 1.0, 1.0]
Images = dict[str, tuple[str, bytes, str]]
"""By key: split, JPEG, url."""


def write_images(folder: Path, images: Images) -> ImageShards:
    manifests = []
    for split in sorted({split for split, _, _ in images.values()}):
        with ShardWriter(folder / f"{split}-00000.tar", split) as writer:
            for key, (of, data, url) in images.items():
                if of == split:
                    writer.add(key, data, ["a caption"], url=url)
        manifests.append(writer.manifest())
    MANIFEST.write(folder / "manifest.parquet", pa.concat_tables(manifests))
    return ImageShards(folder)


def region(key: str, number: int, box: list[float], phrase: str, split: str = "judge") -> dict[str, Any]:
    row = {"key": key, "region_id": str(number), "box": box, "phrase": phrase}
    return {**row, "source": "entities", "split": split}


def question(key: str, number: int, box: list[float] | None, text: str, *answers: str) -> dict[str, Any]:
    row = {"key": key, "question_id": str(number), "box": box, "question": text, "answers": answers}
    return {**row, "question_type": "what", "answer_type": "other", "source": "derived", "split": "judge"}


@pytest.fixture
def judge(tmp_path: Path, jpeg: Callable[..., bytes]) -> AnnotationJudge:
    """`flickr8k-1_ab` shows what `entities-1` shows, by its bytes; `coco-2` what `vg-2` does, by its url.

    `val-3` is known, but not held back, and nobody annotated `other-4`.
    """
    pairs = write_images(
        tmp_path / "pairs",
        {
            "flickr8k-1_ab": ("train", jpeg(1), ""),
            "coco-2": ("val", jpeg(2), "http://images/2.jpg"),
            "pair-3": ("train", jpeg(3), ""),
            "other-4": ("train", jpeg(4), ""),
        },
    )
    annotations = tmp_path / "annotations"
    write_images(
        annotations,
        {
            "entities-1": ("judge", jpeg(1), ""),
            "vg-2": ("judge", jpeg(20), "http://images/2.jpg"),
            "val-3": ("val", jpeg(3), ""),
            "vg-5": ("judge", jpeg(5), ""),
        },
    )
    regions = [
        region("entities-1", 0, LEFT, "A young boy"),
        region("entities-1", 1, ALL, "a street with cars"),
        region("vg-2", 0, LEFT, "dog"),
        region("val-3", 0, LEFT, "cat", "val"),
    ]
    REGIONS.write(annotations / "regions.parquet", regions)
    questions = [
        question("entities-1", 0, None, "What is the boy doing?", "running", "running", "a race"),
        question("entities-1", 1, LEFT, "what color is the shirt?", "Red."),
        question("entities-1", 2, RIGHT, "what color is the shirt?", "blue"),
    ]
    QUESTIONS.write(annotations / "questions.parquet", questions)
    return AnnotationJudge.read(annotations, pairs)


def test_it_knows_photographs_by_their_bytes_or_their_url(judge: AnnotationJudge):
    keys = ("flickr8k-1_ab", "coco-2", "pair-3", "other-4", "entities-1")
    assert [key for key in keys if judge.knows(key)] == ["flickr8k-1_ab", "coco-2"]
    assert judge.is_true("coco-2", LEFT, "a small dog")


@pytest.mark.parametrize(
    ("box", "caption", "verdict"),
    [
        (LEFT, "a boy in a red shirt", True),
        (NEARLY_LEFT, "children", True),
        (NEARLY_LEFT, "a dog", False),
        (LEFT, "the road", True),
        (RIGHT, "a boy", False),
        ([0.0, 0.0, 0.2, 0.2], "a boy", None),
        (LEFT, "something", None),
    ],
)
def test_a_caption_is_judged_by_overlapping_boxes(
    judge: AnnotationJudge, box: list[float], caption: str, verdict: bool | None
):
    assert judge.is_true("flickr8k-1_ab", box, caption) is verdict


@pytest.mark.parametrize(
    ("box", "text", "answer", "verdict"),
    [
        (RIGHT, "what is boy doing", "Running!", "correct"),
        (LEFT, "what is the boy doing?", "race", "correct"),
        (LEFT, "what is the boy doing?", "sitting", "wrong"),
        (NEARLY_LEFT, "What color is the shirt?", "red", "correct"),
        (NEARLY_LEFT, "what color is the shirt?", "blue", "wrong"),
        ([0.3, 0.0, 0.7, 1.0], "what color is the shirt?", "blue", None),
        (LEFT, "who is the boy?", "him", None),
    ],
)
def test_an_answer_is_judged_where_annotators_asked_the_same(
    judge: AnnotationJudge, box: list[float], text: str, answer: str, verdict: str | None
):
    assert judge.verdict("flickr8k-1_ab", box, text, answer) == verdict


def test_the_truth_is_what_most_annotators_say(judge: AnnotationJudge):
    assert judge.answer("flickr8k-1_ab", LEFT, "what is the boy doing?") == "running"
    assert judge.answer("flickr8k-1_ab", LEFT, "why?") is None


def test_nothing_is_judged_about_other_images(judge: AnnotationJudge):
    for key in ("other-4", "pair-3"):
        assert judge.verdict(key, LEFT, "what is the boy doing?", "running") is None
        assert judge.is_true(key, LEFT, "a cat") is None


def test_boxes_overlap_from_the_threshold_on():
    assert MIN_IOU == 0.5
    assert overlap(ALL, LEFT) and not overlap(ALL, [0.0, 0.0, 0.49, 1.0])


def test_annotations_of_an_image_that_is_not_there_are_refused(judge: AnnotationJudge, tmp_path: Path):
    path = tmp_path / "annotations" / "regions.parquet"
    REGIONS.write(path, [region("nowhere", 0, LEFT, "A boy")])
    with pytest.raises(UserError, match="images that are not there") as error:
        AnnotationJudge.read(tmp_path / "annotations", ImageShards(tmp_path / "pairs"))
    assert "nowhere" in error.value.found
