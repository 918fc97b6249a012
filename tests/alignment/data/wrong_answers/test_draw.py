"""Wrong answers: from like questions, surely wrong, in the form of the right one."""

import doctest

import numpy as np
import pytest

from pipeline.alignment.data.wrong_answers import alike, frames
from pipeline.alignment.data.wrong_answers.alike import may_both_be_true
from pipeline.alignment.data.wrong_answers.draw import WrongAnswers


def draw(pairs: list[tuple[str, str]], question: str, right: str, number: int = 2) -> set[str]:
    """All answers that are ever drawn."""
    wrong = WrongAnswers(pairs)
    return {
        answer for seed in range(30) for answer in wrong.draw(question, {right}, number, np.random.default_rng(seed))
    }


@pytest.mark.parametrize("module", [alike, frames])
def test_the_examples_in_the_docstrings(module) -> None:
    results = doctest.testmod(module)
    assert results.attempted > 0 and results.failed == 0


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


def test_what_is_done_is_no_wrong_answer_to_what_is_held() -> None:
    done = [("what is the man doing?", answer) for answer in ("running", "sleeping", "cooking", "diving", "rowing")]
    held = [("what is the girl holding?", answer) for answer in ("kite", "cup", "book", "rope", "lamp")]
    assert draw(done + held, "what is the boy holding?", "cup") == {"kite", "book", "rope", "lamp"}
    assert draw(done + held, "what are the men doing?", "rowing") == {"running", "sleeping", "cooking", "diving"}


def test_rare_verbs_take_the_answers_of_all_verbs() -> None:
    pairs = [("what is the man pulling?", answer) for answer in ("cart", "sled", "rope", "boat", "box")]
    assert draw(pairs, "what is the dog towing?", "sled") == {"cart", "rope", "boat", "box"}


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        ("child", "boy", True),
        ("woman", "man", False),
        ("black", "black and white", True),
        ("grass", "in the field", True),
        ("top right", "top left", False),
        ("standing", "holding a cup", True),
        ("standing", "sitting", False),
        ("dog", "dogs", True),
        ("man", "people", True),
    ],
)
def test_answers_that_may_both_be_true(wrong: str, right: str, expected: bool) -> None:
    assert may_both_be_true(wrong, right) is expected


def test_vague_answers_and_answers_of_another_form_are_left_out() -> None:
    pairs = [("what are the dogs doing?", answer) for answer in ("running", "dock", "looking", "digging", "not sure")]
    assert draw(pairs, "what is the dog doing?", "swimming") == {"running", "digging"}
