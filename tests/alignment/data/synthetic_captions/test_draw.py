"""Which parts of an image are drawn for its synthetic captions."""

import numpy as np

from pipeline.alignment.data.synthetic_captions.draw import parts_of, synthetic_captions
from pipeline.alignment.params import ContrastiveParams

SMALL, RIGHT = (0.0, 0.0, 0.2, 0.2), (0.7, 0.4, 0.9, 0.6)


def drawn(regions, statements, **params) -> list[str]:
    contrastive = ContrastiveParams(**{"synthetic_caption_prob": 1.0, "synthetic_captions": 20, **params})
    return synthetic_captions(regions, statements, contrastive, np.random.default_rng(0))


def test_some_captions_say_locations() -> None:
    regions = [(SMALL, "a red car")]
    assert drawn(regions, [], max_parts=1) == ["a red car"]
    assert drawn(regions, [], max_parts=1, location_phrase_prob=1.0) == ["a red car in the top left"]
    some = drawn(regions, [], max_parts=1, location_phrase_prob=0.5)
    assert sorted(some) == ["a red car", "a red car in the top left"]


def test_a_phrase_becomes_a_subject_only_if_its_noun_stands_for_one_thing() -> None:
    one = drawn([(SMALL, "a white dog")], ["the dog is running"], max_parts=2)
    assert "a white dog is running" in one
    two = drawn([(SMALL, "a white dog"), (RIGHT, "a black dog")], ["the dog is running"], max_parts=3)
    assert not any("white dog is" in text or "black dog is" in text for text in two)


def test_denials_and_unchanged_questions_are_no_parts() -> None:
    said = ["the dog is not running", "there is no cat", "why is it wet? rain"]
    assert drawn([], said) == []
    assert [part.text for part in parts_of([(SMALL, "her"), (SMALL, "a hat")], said)] == ["a hat"]


def test_no_synthetic_captions_unless_asked_for() -> None:
    assert drawn([(SMALL, "a dog")], [], synthetic_caption_prob=0.0) == []
