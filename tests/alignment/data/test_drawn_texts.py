"""Which texts of an image are drawn for a sample."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.alignment.data.drawn_texts import draw_captions, draw_statements
from pipeline.alignment.data.sampler import Sampler
from pipeline.alignment.data.text_table import SCHEMA, ImageTexts
from pipeline.alignment.data.wrong_answers.counts import count_answers
from pipeline.alignment.data.wrong_answers.draw import WrongAnswers
from pipeline.alignment.params import AlignParams, ContrastiveParams, QuestionParams

BOX = [0.0, 0.0, 0.5, 0.5]
PHRASES = ["a red star", "a dog", "a tree"]


def image(captions: list[str], phrases: list[str] = PHRASES, asked: dict[str, str] | None = None) -> ImageTexts:
    asked = asked or {}
    row = {
        "captions": captions,
        "boxes": [BOX] * len(phrases),
        "phrases": phrases,
        "questions": list(asked),
        "answers": list(asked.values()),
        "described": True,
    }
    return ImageTexts(pa.RecordBatch.from_pylist([row], schema=SCHEMA), 0)


def drawn(texts: ImageTexts, number: int, share: float, seed: int = 0) -> list[str]:
    return draw_captions(texts, number, ContrastiveParams(synthetic_caption_prob=share), np.random.default_rng(seed))


@settings(deadline=None)
@given(st.integers(1, 6), st.floats(0, 1), st.integers(0, 99))
def test_captions_are_not_repeated_before_all_have_come(number: int, share: float, seed: int) -> None:
    captions = ["one", "two", "three"]
    found = drawn(image(captions), number, share, seed)
    assert len(found) == number and found == drawn(image(captions), number, share, seed)
    plain = [text for text in found if text in captions]
    assert len(set(plain)) == min(3, len(plain))
    for text in set(found) - set(captions):
        assert set(text.replace(" and ", ", ").split(", ")) <= set(PHRASES)


def test_an_image_that_lacks_one_kind_gets_the_other() -> None:
    assert drawn(image([], ["a dog"]), 2, 0.1) == ["a dog", "a dog"]
    assert drawn(image(["one"], ["her"]), 2, 1.0) == ["one", "one"]
    assert drawn(image(["one"], ["a dog"]), 3, 0.0) == ["one"] * 3


def test_the_share_of_synthetic_captions_is_the_parameter() -> None:
    found = drawn(image(["one"], ["a dog"]), 4000, 0.3)
    assert abs(found.count("a dog") / 4000 - 0.3) < 0.03


def test_no_wrong_copy_is_a_right_statement_of_the_image() -> None:
    colors = ("red", "blue", "green", "black", "pink", "white")
    asked = {"what color is the cap?": "red", "what is the color of the cap?": "blue"}
    pairs = [("what color is the hat?", color) for color in colors] + list(asked.items())
    wrong = WrongAnswers([count_answers(*(pa.array(column) for column in zip(*pairs, strict=True)))])
    params = QuestionParams(per_image=2, wrong_answers=3)
    for seed in range(20):
        found = draw_statements(image(["x"], asked=asked), wrong, params, np.random.default_rng(seed))
        right = {statement for statement, _ in found}
        assert right == {"the cap is red", "the cap is blue"} and all(copies for _, copies in found)
        assert right.isdisjoint(copy for _, copies in found for copy in copies)


def test_sampler_goes_through_every_image_each_epoch_and_is_a_function_of_the_step() -> None:
    sampler = Sampler(images=10, batch_size=4, seed=1)
    drawn = [sample.image for step in range(5) for sample in sampler.batch(step)]
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    again = Sampler(images=10, batch_size=4, seed=1)
    assert again.batch(3) == sampler.batch(3)
    first = sampler.batch(2)[0]
    assert sampler.draws(first).random() == again.draws(first).random()


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
