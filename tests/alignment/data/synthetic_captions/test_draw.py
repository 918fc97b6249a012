"""Which parts of an image are drawn for its synthetic captions."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alignment.data.synthetic_captions.draw import SyntheticCaptions
from pipeline.alignment.params import ContrastiveParams

SMALL, RIGHT = (0.0, 0.0, 0.2, 0.2), (0.7, 0.4, 0.9, 0.6)
REGIONS = [(SMALL, "a white dog"), (RIGHT, "a red car"), (RIGHT, "her"), (SMALL, "a dog"), (RIGHT, "the dog is old")]
ASKED = [
    ("what is the dog doing?", "running"),
    ("what color is the car?", "red"),
    ("is there a cat?", "no"),
    ("why is it wet?", "rain"),
]


def drawn(regions, asked, **params) -> list[str]:
    contrastive = ContrastiveParams(**{"synthetic_caption_prob": 1.0, **params})
    captions, rng = SyntheticCaptions(regions, asked), np.random.default_rng(0)
    return [text for _ in range(20) if (text := captions.draw(contrastive, rng))]


def test_some_captions_say_locations() -> None:
    regions = [(SMALL, "a red car")]
    assert set(drawn(regions, [], max_parts=1)) == {"a red car"}
    assert set(drawn(regions, [], max_parts=1, location_phrase_prob=1.0)) == {"a red car in the top left"}
    some = drawn(regions, [], max_parts=1, location_phrase_prob=0.5)
    assert set(some) == {"a red car", "a red car in the top left"}


def test_a_phrase_becomes_a_subject_only_if_its_noun_stands_for_one_thing() -> None:
    asked = [("what is the dog doing?", "running")]
    one = drawn([(SMALL, "a white dog")], asked, max_parts=2)
    assert "a white dog is running" in one
    two = drawn([(SMALL, "a white dog"), (RIGHT, "a black dog")], asked, max_parts=3)
    assert not any("white dog is" in text or "black dog is" in text for text in two)


def test_denials_and_unchanged_questions_are_no_parts() -> None:
    said = [("is the dog running?", "no"), ("is there a cat?", "no"), ("why is it wet?", "rain")]
    assert drawn([], said) == [] and not SyntheticCaptions([], said).possible()
    captions = SyntheticCaptions([(SMALL, "her"), (SMALL, "a hat")], said)
    parts = [part for row in range(len(captions)) if (part := captions.part(row))]
    assert [part.text for part in parts] == ["a hat"] and captions.possible()


def test_a_part_is_the_same_whichever_rows_were_looked_at_before() -> None:
    whole = SyntheticCaptions(REGIONS, ASKED)
    expected = [whole.part(row) for row in range(len(whole))]
    for row in range(len(whole)):
        assert SyntheticCaptions(REGIONS, ASKED).part(row) == expected[row]
    # The boxes of a noun are those of all regions that have it, found the slow way.
    for noun in ("dog", "car", "cat"):
        slow = {box for row, (box, _) in enumerate(REGIONS) if (part := expected[row]) and part.noun == noun}
        assert whole._boxes(noun) == slow


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99), st.integers(1, 6))
def test_a_caption_is_a_function_of_the_generator_alone(seed: int, most: int) -> None:
    params = ContrastiveParams(synthetic_caption_prob=1.0, max_parts=most)
    used = SyntheticCaptions(REGIONS, ASKED)
    used.draw(params, np.random.default_rng(seed + 1))
    fresh = SyntheticCaptions(REGIONS, ASKED)
    assert used.draw(params, np.random.default_rng(seed)) == fresh.draw(params, np.random.default_rng(seed))


def test_parts_are_equally_likely_and_so_are_their_numbers() -> None:
    regions = [(SMALL, f"a {noun}") for noun in ("cat", "car", "cup", "hat")]
    regions = [((index / 10, 0.0, index / 10 + 0.1, 0.1), phrase) for index, (_, phrase) in enumerate(regions)]
    captions, rng = SyntheticCaptions(regions, []), np.random.default_rng(0)
    params = ContrastiveParams(synthetic_caption_prob=1.0, max_parts=3)
    texts = [captions.draw(params, rng) or "" for _ in range(3000)]
    numbers = Counter(text.count("a ") for text in texts)
    assert set(numbers) == {1, 2, 3} and all(abs(count - 1000) < 120 for count in numbers.values())
    nouns = Counter(noun for text in texts for noun in ("cat", "car", "cup", "hat") if noun in text)
    assert all(abs(count - 1500) < 150 for count in nouns.values())
