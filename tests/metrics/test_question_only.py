"""The naive Bayes baseline guesses what the question gives away, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.metrics.question_only import blind_accuracy


def test_it_guesses_what_the_question_says():
    keys = [f"image{n}" for n in range(200)]
    questions = [f"is thing {n} a {'ball' if n % 2 else 'cube'}?" for n in range(200)]
    answers = ["yes" if n % 2 else "no" for n in range(200)]
    assert blind_accuracy(keys, questions, answers) > 95


def test_it_reaches_only_the_commonest_answer_without_a_hint():
    rng = np.random.default_rng(0)
    keys = [f"image{n}" for n in range(2000)]
    answers = [str(rng.choice(["red", "blue"], p=[0.7, 0.3])) for _ in keys]
    assert blind_accuracy(keys, ["what colour is it?"] * 2000, answers) == pytest.approx(70, abs=3)


def test_it_never_scores_on_an_image_that_it_saw():
    keys = [f"image{n // 2}" for n in range(400)]
    rng = np.random.default_rng(1)
    questions = [f"what is in picture {n // 2}?" for n in range(400)]
    answers = [str(rng.integers(0, 50)) for _ in keys]
    answers[1::2] = answers[::2]
    assert blind_accuracy(keys, questions, answers) < 10


def test_one_image_alone_gives_no_score():
    assert blind_accuracy(["a", "a"], ["is it?", "is it?"], ["yes", "yes"]) == 0.0
    assert blind_accuracy([], [], []) == 0.0
