"""CIDEr-D against figures of the official tool (pycocoevalcap 1.2, CiderScorer(n=4, sigma=6))."""

import pytest

from pipeline.metrics.cider import cider, cider_scores

CAPTIONS = [
    "a small red star",
    "a blue heart above a green moon",
    "two dogs play in the snow",
    "a",
    "dark background",
    "a red red star on a red star",
    "the the the the the the",
]
REFERENCES = [
    ["a small red star", "a red star"],
    ["a blue heart above a green moon", "blue heart over the moon", "a heart"],
    ["a dog runs on the snow", "two brown dogs play with a ball in the snow"],
    ["a light background"],
    ["a dark background", "dark background"],
    ["a red star on the left"],
    ["the cat sat on the mat"],
]
OFFICIAL = [619.279570, 427.987585, 202.262753, 15.717273, 460.172544, 247.387264, 25.545763]


def test_official_figures():
    assert cider(CAPTIONS, REFERENCES) == pytest.approx(285.478965, abs=1e-5)


def test_each_caption_scores_as_officially():
    assert cider_scores(CAPTIONS, REFERENCES) == pytest.approx(OFFICIAL, abs=1e-5)


@pytest.mark.parametrize(("captions", "references"), [([], []), (["a"], []), (["a"], [[]])])
def test_what_cannot_be_scored_is_refused(captions: list[str], references: list[list[str]]):
    with pytest.raises(ValueError, match="reference"):
        cider(captions, references)
