"""Wrong answers: from like questions, surely wrong, in the form of the right one."""

import doctest
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alignment.data.wrong_answers import alike, frames
from pipeline.alignment.data.wrong_answers.alike import may_both_be_true
from pipeline.alignment.data.wrong_answers.counts import count_answers, frame_digest, most_frequent
from pipeline.alignment.data.wrong_answers.draw import WrongAnswers
from pipeline.alignment.data.wrong_answers.frames import frames as frames_of

ASKED = ["what color is it?", "What is the man holding?", "is it red?", "how many dogs are there?", "why"]
CHI_SQUARE = 43.82
"""Its 99.9 % quantile at 19 degrees of freedom."""


def drawing(pairs: list[tuple[str, str]]) -> WrongAnswers:
    """From the pairs of two shards."""
    columns = ([[pair[index] for pair in part] for index in (0, 1)] for part in (pairs[::2], pairs[1::2]))
    return WrongAnswers([count_answers(*(pa.array(column, pa.string()) for column in part)) for part in columns])


def slow_order(answers: dict[str, int], rng: np.random.Generator) -> list[str]:
    """All answers, each drawn in proportion to its frequency from those that are left."""
    left, order = dict(answers), []
    while left:
        shares = np.array(list(left.values())) / sum(left.values())
        order.append(str(rng.choice(list(left), p=shares)))
        del left[order[-1]]
    return order


def draw(pairs: list[tuple[str, str]], question: str, right: str, number: int = 2) -> set[str]:
    """All answers that are ever drawn."""
    wrong = drawing(pairs)
    return {
        answer for seed in range(30) for answer in wrong.draw(question, {right}, number, np.random.default_rng(seed))
    }


@pytest.mark.parametrize("module", [alike, frames])
def test_the_examples_in_the_docstrings(module) -> None:
    results = doctest.testmod(module)
    assert results.attempted > 0 and results.failed == 0


def test_wrong_answers_come_from_like_questions_and_are_wrong() -> None:
    pairs = [("what color is it?", color) for color in ("red", "red", "blue", "green")] + [("how many?", "2")]
    wrong = drawing(pairs)
    rng = np.random.default_rng(0)
    for _ in range(20):
        found = wrong.draw("what color is the sky?", {"red"}, 2, rng)
        assert sorted(found) == ["blue", "green"]
    assert wrong.draw("is it red?", {"yes"}, 2, rng) == ["no"]
    assert wrong.draw("is it red?", {"yes", "no"}, 2, rng) == []
    assert wrong.draw("why though?", {"so"}, 2, rng) == []


def test_the_first_answers_are_those_of_drawing_by_frequency_one_after_the_other() -> None:
    known = {"red": 8, "blue": 4, "green": 2, "black": 1, "pink": 1, "orange": 9}
    pairs = [("what color is it?", color) for color, count in known.items() for _ in range(count)]
    wrong, rng, rounds = drawing(pairs), np.random.default_rng(0), 4000
    found = Counter(tuple(wrong.draw("what color is it?", {"orange"}, 2, rng)) for _ in range(rounds))
    others = {color: count for color, count in known.items() if color != "orange"}
    exact = {
        (one, two): known[one] / 16 * known[two] / (16 - known[one]) for one in others for two in others if one != two
    }
    assert set(found) <= set(exact)
    slow = Counter(tuple(slow_order(others, rng)[:2]) for _ in range(rounds))
    for counted in (found, slow):
        statistic = sum((counted[pair] - rounds * share) ** 2 / (rounds * share) for pair, share in exact.items())
        assert statistic < CHI_SQUARE


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(ASKED), st.sampled_from(["Red", "red ", "blue", "2", "dog"])), max_size=30))
def test_counts_are_those_of_a_slow_count(pairs: list[tuple[str, str]]) -> None:
    expected = Counter((frame_digest(frame), text.strip().lower()) for q, text in pairs for frame in frames_of(q))
    parts = [pairs[::2], pairs[1::2]]
    shards = [count_answers(*(pa.array([p[i] for p in part], pa.string()) for i in (0, 1))) for part in parts]
    rows = [row for batch in most_frequent(shards, 1000) for row in batch.to_pylist()]
    assert {(row["frame"], row["answer"]): row["count"] for row in rows} == dict(expected) and len(rows) == len(
        expected
    )
    first = [row for batch in most_frequent(shards, 1) for row in batch.to_pylist()]
    for row in first:
        assert row["count"] == max(count for (frame, _), count in expected.items() if frame == row["frame"])
    assert len(first) == len({frame for frame, _ in expected})


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
