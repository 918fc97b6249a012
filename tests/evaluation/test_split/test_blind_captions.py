"""The baseline that knows the box alone, against a slow version that can be read at a glance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.annotation_judge.head_noun import head_nouns
from pipeline.evaluation.test_split.blind_captions import BlindCaptioner

CORNER = st.integers(0, 4).map(lambda step: step / 4)
"""Few values, so that many boxes are equally near."""
BOX = st.tuples(CORNER, CORNER, CORNER, CORNER)
PHRASE = st.sampled_from(["a dog", "two dogs", "a man and a woman", "the woman", "a hat", "in", "red hats"])


def slow(box: tuple[float, ...], regions: list[tuple[tuple[float, ...], str]], neighbours: int) -> str:
    def distance(region: tuple[tuple[float, ...], str]) -> float:
        return sum(abs(one - other) for one, other in zip(region[0], box, strict=True)) / 4

    near = sorted(regions, key=distance)[:neighbours]
    nouns = [noun for _, phrase in near for noun in sorted(head_nouns(phrase))]
    if not nouns:
        return near[0][1]
    usual = max(nouns, key=lambda noun: (nouns.count(noun), -nouns.index(noun)))
    return next(phrase for _, phrase in near if usual in head_nouns(phrase))


@given(st.lists(st.tuples(BOX, PHRASE), min_size=1, max_size=30), BOX, st.integers(1, 12))
def test_it_says_what_the_nearest_boxes_are_called(
    regions: list[tuple[tuple[float, ...], str]], box: tuple[float, ...], neighbours: int
) -> None:
    blind = BlindCaptioner([of for of, _ in regions], [phrase for _, phrase in regions], neighbours)
    assert blind.caption(box) == slow(box, regions, neighbours)


def test_the_usual_noun_among_the_nearest_wins_over_the_nearest_phrase() -> None:
    low, high = [0.0, 0.5, 0.5, 1.0], [0.0, 0.0, 0.5, 0.5]
    regions = [(low, "a dog"), (low, "the cat"), ([0.0, 0.5, 0.5, 0.875], "a black cat")] + [(high, "a hat")] * 5
    boxes, phrases = [box for box, _ in regions], [phrase for _, phrase in regions]
    assert BlindCaptioner(boxes, phrases, 3).caption(low) == "the cat"
    assert BlindCaptioner(boxes, phrases, 1).caption(low) == "a dog"
    assert BlindCaptioner(boxes, phrases, 50).caption(low) == "a hat"


def test_without_a_training_region_there_is_no_baseline() -> None:
    with pytest.raises(ValueError, match="at least one"):
        BlindCaptioner([], [])
