"""Statements, wrong answers, synthetic captions, and what is drawn for a sample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.alignment.data.sampler import Sampler, choose_texts
from pipeline.alignment.data.statements.convert import statement
from pipeline.alignment.data.statements.wrong_answers import WrongAnswers
from pipeline.alignment.data.synthetic_captions import joined, with_location
from pipeline.alignment.data.text_sources import describe_images
from pipeline.alignment.params import AlignParams, ContrastiveParams, QuestionParams


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("What color is the car?", "Red", "the car is red"),
        ("what colour are the stars?", "blue", "the stars are blue"),
        ("how many dogs are there?", "2", "there are 2 dogs"),
        ("how many red circles are in the picture?", "three", "three red circles are in the picture"),
        ("is there a dog?", "yes", "there is a dog"),
        ("is there a dog?", "no", "there is no dog"),
        ("are there any cars on the road?", "yes", "there are cars on the road"),
        ("is the man old?", "yes", "the man is old"),
        ("is the man old?", "no", "the man is not old"),
        ("is the man riding a horse?", "yes", "is the man riding a horse? yes"),
        ("is the small star red or blue?", "red", "the small star is red"),
        ("what pattern does the star have?", "dotted", "the star is dotted"),
        ("what is the color of the star?", "red", "the star is red"),
        ("how big is the star?", "small", "the star is small"),
        ("where in the picture is the star?", "top left", "the star is top left"),
        ("how many stars can you see?", "2", "there are 2 stars"),
        ("does the picture show a star?", "yes", "there is a star"),
        ("can you see a red star in the picture?", "no", "there is no red star in the picture"),
        ("what is the background like?", "dark", "the background is dark"),
        ("what is the man doing?", "running", "the man is running"),
        ("what is on the table?", "cup", "cup is on the table"),
        ("what is the woman holding?", "umbrella", "the woman is holding umbrella"),
        ("where is the cat?", "on the sofa", "the cat is on the sofa"),
        ("what shape is the red thing?", "star", "the red thing is star"),
        ("why is she smiling?", "birthday", "why is she smiling? birthday"),
    ],
)
def test_statements(question: str, answer: str, expected: str) -> None:
    assert statement(question, answer) == expected


@settings(deadline=None)
@given(st.text(), st.text(min_size=1))
def test_a_statement_never_fails_and_keeps_the_answer(question: str, answer: str) -> None:
    found = statement(question, answer)
    assert answer.strip().lower() in found or answer.strip().lower() in {"yes", "no"}


def test_wrong_answers_come_from_like_questions_and_are_wrong() -> None:
    pairs = [("what color is it?", color) for color in ("red", "red", "blue", "green")] + [("how many?", "2")]
    wrong = WrongAnswers(pairs)
    rng = np.random.default_rng(0)
    for _ in range(20):
        found = wrong.draw("what color is the sky?", {"red"}, 2, rng)
        assert sorted(found) == ["blue", "green"]
    assert wrong.draw("is it red?", {"yes"}, 2, rng) == ["no"]
    assert wrong.draw("is it red?", {"yes", "no"}, 2, rng) == []
    assert wrong.draw("why though?", {"so"}, 2, rng) == []


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
    parts = {"a red star", "a dog", "a tree", "the star is red"}
    for text in texts["a"].synthetic:
        assert set(text.replace(" and ", ", ").split(", ")) <= parts
    assert texts["b"].synthetic == ["the dog is blue"]


def test_texts_are_a_function_of_the_seed() -> None:
    assert described() == described()
    assert described(share=0.0)["a"].synthetic == []


def test_joined() -> None:
    assert joined(["x"]) == "x" and joined(["x", "y", "z"]) == "x, y and z"


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


@pytest.mark.parametrize(
    ("phrase", "box", "expected"),
    [
        ("a red car", (0.0, 0.0, 0.3, 0.3), "a red car in the top left"),
        ("a red car", (0.4, 0.0, 0.6, 0.2), "a red car at the top"),
        ("a red car", (0.7, 0.4, 1.0, 0.6), "a red car on the right"),
        ("a red car", (0.3, 0.3, 0.7, 0.7), "a red car in the center"),
        ("a red car", (1.0, 1.0, 1.0, 1.0), "a red car in the bottom right"),
        ("a red car", (0.0, 0.0, 0.7, 0.2), "a red car"),
        ("the car is red", (0.0, 0.0, 0.3, 0.3), "the car is red"),
        ("the car is red", None, "the car is red"),
    ],
)
def test_small_boxes_are_located(phrase: str, box: tuple[float, float, float, float] | None, expected: str) -> None:
    assert with_location(phrase, box) == expected


def test_synthetic_captions_say_locations() -> None:
    def captions(share: float) -> list[str]:
        contrastive = ContrastiveParams(
            synthetic_caption_prob=1.0, synthetic_captions=20, max_parts=1, location_phrase_prob=share
        )
        rows = [{"key": "a", "box": [0.0, 0.0, 0.2, 0.2], "caption": "a red car"}]
        return describe_images({"a": ["x"]}, rows, [], contrastive, QuestionParams(), 0)["a"].synthetic

    assert captions(0.0) == ["a red car"]
    assert captions(1.0) == ["a red car in the top left"]
    assert sorted(captions(0.5)) == ["a red car", "a red car in the top left"]


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
