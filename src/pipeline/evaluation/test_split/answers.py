"""Metrics of answers to the questions of the split test: those of a validation, and two more.

`exact_normalised` is the share of answers that equal the annotators' most frequent one after VQA's normalisation of
both (`metrics/vqa_accuracy.py`); `blind_exact_normalised` is the same of the answer that was most frequent in training.
Where questions come from several sources, `by_source` gives each source's figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.metrics.generated_texts import answer_metrics
from pipeline.metrics.percentage import percentage
from pipeline.metrics.question_only import MostFrequentAnswer
from pipeline.metrics.vqa_accuracy import normalise_answer
from pipeline.tables.questions import majority, plain_text

Row = Mapping[str, Any]


def most_frequent_answer(questions: pa.Table) -> MostFrequentAnswer:
    """The baseline that never sees an image, from the questions of the training split."""
    names = ("question", "question_type", "answers")
    return MostFrequentAnswer(*(questions[name].to_pylist() for name in names))


def metrics_by_source(questions: Sequence[Row], answers: Sequence[str], baseline: MostFrequentAnswer) -> dict[str, Any]:
    """Metrics of one answer to each question (rows of QUESTIONS), over all and by source."""
    metrics = with_normalised(questions, answers, baseline)
    sources = sorted({row["source"] for row in questions})
    if len(sources) > 1:
        metrics["by_source"] = {name: of_source(name, questions, answers, baseline) for name in sources}
    return metrics


def of_source(
    source: str, questions: Sequence[Row], answers: Sequence[str], baseline: MostFrequentAnswer
) -> dict[str, Any]:
    """Metrics of one source's questions, not split by type."""
    pairs = [(row, answer) for row, answer in zip(questions, answers, strict=True) if row["source"] == source]
    metrics = with_normalised([row for row, _ in pairs], [answer for _, answer in pairs], baseline)
    return {name: value for name, value in metrics.items() if not name.startswith("by_")}


def with_normalised(questions: Sequence[Row], answers: Sequence[str], baseline: MostFrequentAnswer) -> dict[str, Any]:
    """The metrics of `answer_metrics`, and shares of equal answers after VQA's normalisation."""
    guesses = [baseline.answer(row["question"], row["question_type"]) for row in questions]
    return {
        **answer_metrics(questions, answers, baseline),
        "exact_normalised": equal_share(questions, answers),
        "blind_exact_normalised": equal_share(questions, guesses),
    }


def equal_share(questions: Sequence[Row], answers: Sequence[str]) -> float:
    """Percentage of answers that equal the most frequent one of the annotators after VQA's normalisation."""
    usual = [normalise_answer(majority(map(plain_text, row["answers"]))) for row in questions]
    right = sum(normalise_answer(answer) == wanted for answer, wanted in zip(answers, usual, strict=True))
    return percentage(right, len(answers))
