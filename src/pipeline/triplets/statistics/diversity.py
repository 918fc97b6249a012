"""How varied questions, answers and region captions are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from pipeline.metrics.percentage import percentage
from pipeline.triplets.statistics.scan import distinct_count, row_count, value_counts


def qa_diversity(qa: pl.LazyFrame) -> dict[str, Any]:
    """Shares of distinct questions, entropy of answers in bits, and the balance of yes and no.

    qa: rows with key, question and answer. Shares are percentages.
    """
    total = row_count(qa)
    answers = value_counts(qa.select(pl.col("answer").str.to_lowercase()), "answer")
    yes_or_no = answers.get("yes", 0) + answers.get("no", 0)
    return {
        "count": total,
        "images": distinct_count(qa, "key"),
        "distinct_questions": percentage(distinct_count(qa, "question"), total),
        "distinct_answers": len(answers),
        "answer_entropy": entropy(list(answers.values())),
        "yes_no": percentage(yes_or_no, total),
        "yes_among_yes_no": percentage(answers.get("yes", 0), yes_or_no),
    }


def caption_diversity(captions: pl.LazyFrame) -> dict[str, Any]:
    """Number of region captions and of images, and the share of distinct captions in percent."""
    total = row_count(captions)
    return {
        "count": total,
        "images": distinct_count(captions, "key"),
        "distinct": percentage(distinct_count(captions, "caption"), total),
    }


def entropy(frequencies: Sequence[int]) -> float:
    """Shannon entropy in bits of the distribution with these counts, four decimals; 0 if there are none."""
    total = sum(frequencies)
    return round(math.fsum(-n / total * math.log2(n / total) for n in frequencies if n), 4) if total else 0.0
