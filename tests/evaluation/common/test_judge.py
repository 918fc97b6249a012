"""The oracle as judge: it knows toy-world images, and only those."""

import numpy as np

from pipeline.evaluation.common.judge import ToyWorldJudge, true_captions
from pipeline.metrics.expected_recall import expected_recall

URLS = [f"toyworld://7/benchmark/{index}" for index in range(40)]


def test_it_knows_only_its_world():
    judge = ToyWorldJudge()
    assert judge.knows(URLS[0])
    assert not judge.knows("http://example.org/a.jpg")
    assert true_captions(["a red circle"], [*URLS, ""]) is None


def test_its_own_answers_are_correct():
    judge = ToyWorldJudge()
    question = "how many things are there?"
    truths = [judge.answer(url, question) for url in URLS]
    assert all(truths)
    assert {judge.verdict(u, question, t) for u, t in zip(URLS, truths, strict=True) if t} == {"correct"}
    assert judge.verdict(URLS[0], question, "ninety") == "wrong"
    assert judge.verdict(URLS[0], "flub?", "ninety") == "not_understood"
    assert judge.kind("flub?") is None
    assert judge.kind(question) == "counting"
    assert judge.answer(URLS[0], "flub?") is None


def test_what_holds_on_several_scenes_bounds_recall():
    holds = true_captions(["a circle", "a square"] * 20, URLS)
    assert holds is not None
    assert holds.shape == (40, 40)
    bound = expected_recall(holds, np.arange(40))["text_to_image"]
    assert 0 < bound["R@1"] < bound["R@5"] <= 100
