"""Head nouns and CIDEr-D of invented captions, and boxes that several phrases name."""

from __future__ import annotations

import pytest

from pipeline.evaluation.test_split.region_captions import (
    AnnotatedBoxes,
    head_noun_verdicts,
    region_caption_metrics,
)
from pipeline.metrics.cider import cider
from pipeline.tables.annotations import REGIONS

ITEMS = [
    ("a child", ["A boy.", "the kid in red", "a boy"], True),
    ("two puppies", ["two dogs"], None),
    ("a woman", ["a man"], False),
    ("", ["a tree"], False),
    ("the black dogs", ["a brown dog in the grass"], True),
]
"""A caption, the phrases of its box, and whether the head noun is right (None: open)."""
CAPTIONS, PHRASES = [item[0] for item in ITEMS], [item[1] for item in ITEMS]


def test_shares_of_right_head_nouns() -> None:
    metrics = region_caption_metrics(CAPTIONS, PHRASES)
    assert head_noun_verdicts(CAPTIONS, PHRASES) == [right for *_, right in ITEMS]
    assert (metrics["boxes"], metrics["phrases"]) == (5, 7)
    assert metrics["head_noun"] == 40 and metrics["head_noun_open"] == 20
    # "child" is right of a boy, but only "dog" is the same word.
    assert metrics["head_noun_strict"] == 20


def test_all_phrases_of_a_box_are_the_references_of_its_caption() -> None:
    references = [["a boy", "the kid in red"], ["two dogs"], ["a man"], ["a tree"], ["a brown dog in the grass"]]
    assert region_caption_metrics(CAPTIONS, PHRASES)["cider"] == round(cider(CAPTIONS, references), 2)
    perfect = region_caption_metrics(["a red t - shirt", "two dogs"], [["A red T-shirt."], ["two dogs"]])
    assert perfect["cider"] == pytest.approx(cider(["a red t-shirt", "two dogs"], [["a red t-shirt"], ["two dogs"]]))
    assert perfect["head_noun"] == perfect["head_noun_strict"] == 100


def region(key: str, number: int, box: list[float], phrase: str) -> dict[str, object]:
    row = {"key": key, "region_id": str(number), "box": box, "phrase": phrase}
    return {**row, "source": "s", "split": "test"}


def test_equal_boxes_of_one_image_are_one() -> None:
    left, right = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]
    rows = [
        region("a", 0, left, "a boy"),
        region("a", 1, right, "a dog"),
        region("a", 2, left, "a child"),
        region("b", 0, left, "a cat"),
    ]
    boxes = AnnotatedBoxes.of(REGIONS.build(rows))
    assert boxes.phrases == [["a boy", "a child"], ["a dog"], ["a cat"]]
    assert [(row["key"], row["region_id"]) for row in boxes.regions.to_pylist()] == [("a", "0"), ("a", "1"), ("b", "0")]
    assert AnnotatedBoxes.of(REGIONS.build([])).phrases == []
