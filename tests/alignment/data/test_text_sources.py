"""All texts of an image, and what is drawn of them for a sample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.alignment.data.sampler import Sampler, choose_texts
from pipeline.alignment.data.text_sources import describe_images
from pipeline.alignment.params import AlignParams, ContrastiveParams, QuestionParams

BOX = [0.0, 0.0, 0.5, 0.5]
REGIONS = [{"key": "a", "box": BOX, "caption": text} for text in ("a red star", "a dog", "a tree")]
PAIRS = [
    {"key": "a", "question": "what color is the star?", "answer": "red"},
    {"key": "b", "question": "what color is the dog?", "answer": "blue"},
]


def described(share: float = 0.5):
    return describe_images(
        {"a": ["alt text", " "], "b": ["other"]},
        REGIONS,
        PAIRS,
        ContrastiveParams(synthetic_caption_prob=share),
        QuestionParams(),
        seed=3,
    )


def test_images_get_all_their_texts() -> None:
    texts = described()
    assert texts["a"].captions == ["alt text"]
    assert [phrase for _, phrase in texts["a"].regions] == ["a red star", "a dog", "a tree"]
    assert texts["a"].questions == [("the star is red", ["the star is blue"])]
    parts = {"a red star", "a dog", "a tree"}
    for text in texts["a"].synthetic:
        assert set(text.replace(" and ", ", ").split(", ")) <= parts
    assert texts["b"].synthetic == ["a blue dog"]


def test_no_wrong_copy_is_a_right_statement_of_the_image() -> None:
    colors = ("red", "blue", "green", "black", "pink", "white")
    pairs = [{"key": "b", "question": "what color is the hat?", "answer": color} for color in colors]
    same = [{"key": "a", "question": text, "answer": color} for text, color in SAME_STATEMENT.items()]
    texts = describe_images({"a": ["x"], "b": ["y"]}, [], same + pairs, ContrastiveParams(), QuestionParams(), seed=1)
    right = {statement for statement, _ in texts["a"].questions}
    assert right == {"the cap is red", "the cap is blue"}
    assert right.isdisjoint(wrong for _, copies in texts["a"].questions for wrong in copies)


SAME_STATEMENT = {"what color is the cap?": "red", "what is the color of the cap?": "blue"}


def test_texts_are_a_function_of_the_seed() -> None:
    assert described() == described()
    assert described(share=0.0)["a"].synthetic == []


def test_sampler_goes_through_every_image_each_epoch_and_is_a_function_of_the_step() -> None:
    sampler = Sampler(images=10, batch_size=4, seed=1)
    drawn = [sample.image for step in range(5) for sample in sampler.batch(step)]
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    again = Sampler(images=10, batch_size=4, seed=1)
    assert again.batch(3) == sampler.batch(3)
    first = sampler.batch(2)[0]
    assert sampler.draws(first).random() == again.draws(first).random()


@settings(deadline=None)
@given(st.integers(1, 6), st.floats(0, 1), st.integers(0, 99))
def test_texts_are_not_repeated_before_their_kind_is_used_up(number: int, share: float, seed: int) -> None:
    found = choose_texts([1, 2, 3], [10, 11], number, share, np.random.default_rng(seed))
    assert len(found) == number
    plain, synthetic = [n for n in found if n < 10], [n for n in found if n >= 10]
    assert len(set(plain)) == min(3, len(plain)) and len(set(synthetic)) == min(2, len(synthetic))
    assert choose_texts([], [10], 2, 0.0, np.random.default_rng(seed)) == [10, 10]


def test_locations_are_refused_beside_mirrored_images() -> None:
    given = {
        "features": {"hflip": True},
        "contrastive": {"location_phrase_prob": 0.5},
        "loss_weights": {},
        "training": {"seed": 0, "steps": 1, "batch_size": 2, "learning_rate": 0.1, "eval_every": 1},
    }
    with pytest.raises(ValidationError, match="location_phrase_prob must be 0"):
        AlignParams.model_validate(given)
    AlignParams.model_validate({**given, "features": {"hflip": False}})
