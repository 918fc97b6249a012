"""How good generated question-answer pairs and region captions are, judged one by one.

A judge gives each pair one of four verdicts:

- `correct`: the question is understood, the image answers it, and the answer is the right one;
- `wrong`: the same, but the answer is another;
- `unanswerable`: the question presupposes what is not there;
- `not_understood`.

Shares are over *all* rows of a table, in percent. Beside them stand the share of distinct questions and the accuracy of
the question-only baseline, which never sees the image, so that trivial questions win nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.evaluation.common.judge import VERDICTS, Verdict
from pipeline.metrics.percentage import percentage
from pipeline.metrics.question_only import blind_accuracy


@dataclass(frozen=True)
class JudgedQa:
    """A generated question-answer pair; without a judge, `verdict` and `question_kind` are None.

    question_type: JADE's (what, how, …). question_kind: what the question is about, as the judge understands it.
    """

    key: str
    question: str
    answer: str
    question_type: str
    kept: bool
    verdict: Verdict | None = None
    question_kind: str | None = None


def qa_quality(rows: Sequence[JudgedQa]) -> dict[str, Any]:
    """Metrics of all pairs (`generated`), of the `kept` and the `rejected` ones, and of the filter's effect.

    Verdicts, and what follows from them, appear only if every pair has one.
    """
    parts = {
        "generated": rows,
        "kept": [row for row in rows if row.kept],
        "rejected": [row for row in rows if not row.kept],
    }
    quality: dict[str, Any] = {name: table_quality(part) for name, part in parts.items()}
    if rows and all(row.verdict for row in rows):
        quality["filter_effect"] = filter_effect([row.verdict == "correct" for row in rows], [row.kept for row in rows])
    return quality


def table_quality(rows: Sequence[JudgedQa]) -> dict[str, Any]:
    """Count, distinct questions, question-only baseline and, where judged, shares of verdicts by type and kind."""
    metrics: dict[str, Any] = {
        "count": len(rows),
        "distinct_questions": percentage(len({row.question for row in rows}), len(rows)),
        "blind_accuracy": question_only_accuracy(rows),
    }
    if not rows or not all(row.verdict for row in rows):
        return metrics
    return {
        **metrics,
        **verdict_shares(rows),
        "blind_accuracy_on_correct": question_only_accuracy([row for row in rows if row.verdict == "correct"]),
        "by_type": shares_by(rows, [row.question_type for row in rows]),
        "by_kind": shares_by(rows, [row.question_kind or "not_understood" for row in rows]),
    }


def question_only_accuracy(rows: Sequence[JudgedQa]) -> float:
    """Percentage of answers that the question-only baseline gives."""
    return blind_accuracy([row.key for row in rows], [row.question for row in rows], [row.answer for row in rows])


def verdict_shares(rows: Sequence[JudgedQa]) -> dict[str, float]:
    """The share of each verdict, in percent."""
    counts = Counter(row.verdict for row in rows)
    return {verdict: percentage(counts[verdict], len(rows)) for verdict in VERDICTS}


def shares_by(rows: Sequence[JudgedQa], names: Sequence[str]) -> dict[str, Any]:
    """Count and shares of verdicts for each name, sorted by name. names: one per row."""
    groups: dict[str, list[JudgedQa]] = defaultdict(list)
    for row, name in zip(rows, names, strict=True):
        groups[name].append(row)
    return {name: {"count": len(group), **verdict_shares(group)} for name, group in sorted(groups.items())}


def filter_effect(right: Sequence[bool], kept: Sequence[bool]) -> dict[str, float]:
    """What a filter does to right and wrong rows, in percent; wrong means anything but right.

    - `wrong_before`, `wrong_after`: shares of wrong rows among all rows and among the kept ones;
    - `wrong_ratio`: the second over the first (0.5: halved);
    - `right_kept`, `wrong_kept`: shares of the right and of the wrong rows that are kept.
    """
    right_kept = sum(is_right and is_kept for is_right, is_kept in zip(right, kept, strict=True))
    rights, all_kept = sum(right), sum(kept)
    wrongs, wrong_kept = len(right) - rights, all_kept - right_kept
    before, after = percentage(wrongs, len(right)), percentage(wrong_kept, all_kept)
    return {
        "wrong_before": before,
        "wrong_after": after,
        "wrong_ratio": round(after / before, 4) if before else 0.0,
        "right_kept": percentage(right_kept, rights),
        "wrong_kept": percentage(wrong_kept, wrongs),
    }


def caption_quality(truths: Sequence[bool], kept: Sequence[bool]) -> dict[str, Any]:
    """Shares of true region captions before and after the filter, and its effect."""
    after = [truth for truth, is_kept in zip(truths, kept, strict=True) if is_kept]
    return {
        "generated": {"count": len(truths), "true": percentage(sum(truths), len(truths))},
        "kept": {"count": len(after), "true": percentage(sum(after), len(after))},
        "filter_effect": filter_effect(truths, kept),
    }
