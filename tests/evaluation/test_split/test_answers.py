"""Answers to test questions: equal after VQA's normalisation, beside a guess, by source."""

from __future__ import annotations

from typing import Any

from pipeline.evaluation.test_split.answers import metrics_by_source, most_frequent_answer
from pipeline.metrics.generated_texts import answer_metrics
from pipeline.tables.annotations import QUESTIONS


def question(number: int, text: str, answers: list[str], source: str, split: str = "test") -> dict[str, Any]:
    row = {"key": f"image{number}", "question_id": str(number), "box": None, "question": text, "answers": answers}
    return {**row, "question_type": "what", "answer_type": "other", "source": source, "split": split}


LEARNED = [question(9, "what is it?", ["a dog"], "a", "train"), question(8, "what is he?", ["2"], "a", "train")]
ASKED = [
    question(0, "what is it?", ["a dog", "cat", "a dog"], "a"),
    question(1, "what is on it?", ["t-shirt"], "a"),
    question(2, "what is he?", ["two"], "b"),
]
ANSWERS = ["dog", "t - shirt", "three"]


def test_shares_of_equal_answers() -> None:
    baseline = most_frequent_answer(QUESTIONS.build(LEARNED))
    metrics = metrics_by_source(ASKED, ANSWERS, baseline)
    # "dog" equals "a dog" only after the normalisation, as the guess "2" equals "two".
    assert (metrics["exact"], metrics["exact_normalised"]) == (33.33, 66.67)
    assert (metrics["blind_exact"], metrics["blind_exact_normalised"]) == (33.33, 66.67)
    assert answer_metrics(ASKED, ANSWERS, baseline).items() <= metrics.items()
    assert metrics["by_source"].keys() == {"a", "b"}
    assert (metrics["by_source"]["a"]["questions"], metrics["by_source"]["a"]["exact_normalised"]) == (2, 100)
    assert metrics["by_source"]["b"]["blind_exact_normalised"] == 100
    assert "by_question_type" not in metrics["by_source"]["b"]


def test_one_source_is_not_told_apart() -> None:
    assert "by_source" not in metrics_by_source(ASKED[:2], ANSWERS[:2], most_frequent_answer(QUESTIONS.build(LEARNED)))
