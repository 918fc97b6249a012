"""How good generated question-answer pairs and region captions are, judged one by one.

A judge gives each pair one of four verdicts:

- `correct`: the question is understood, the image answers it, and the answer is the right one;
- `wrong`: the same, but the answer is another;
- `unanswerable`: the question presupposes what is not there;
- `not_understood`.

The oracle judges every pair, and shares are over *all* rows of a table, in percent. Annotations judge some pairs, as
correct or wrong, and leave the others without a verdict. Then shares are over the judged rows alone, and `judged` says
beside them how many of the table's rows these are, in percent. A row without a verdict is never right or wrong.

Beside the shares stand the share of distinct questions and the accuracy of the question-only baseline, which never sees
the image, so that trivial questions win nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.evaluation.common.judge import VERDICTS, Verdict
from pipeline.metrics.percentage import percentage
from pipeline.metrics.question_only import blind_accuracy

UNKNOWN_KIND = "not_understood"
"""The kind of a question that the oracle does not understand."""


@dataclass(frozen=True)
class JudgedQa:
    """A generated question-answer pair; `verdict` is None if it was not judged.

    question_type: JADE's (what, how, …). question_kind: what the question is about, if the oracle judges it, else None.
    """

    key: str
    question: str
    answer: str
    question_type: str
    kept: bool
    verdict: Verdict | None = None
    question_kind: str | None = None


def qa_quality(rows: Sequence[JudgedQa], verdicts: Sequence[Verdict] = VERDICTS) -> dict[str, Any]:
    """Metrics of all pairs (`generated`), of the `kept` and the `rejected` ones, and of the filter's effect.

    verdicts: those that may be given. Verdicts, and what follows from them, appear if any pair has one.
    """
    judged = [row for row in rows if row.verdict]
    partly = 0 < len(judged) < len(rows)
    parts = {
        "generated": rows,
        "kept": [row for row in rows if row.kept],
        "rejected": [row for row in rows if not row.kept],
    }
    quality: dict[str, Any] = {name: table_quality(part, verdicts, partly) for name, part in parts.items()}
    if judged:
        right, kept = [row.verdict == "correct" for row in judged], [row.kept for row in judged]
        quality["filter_effect"] = filter_effect(right, kept)
    return quality


def table_quality(
    rows: Sequence[JudgedQa], verdicts: Sequence[Verdict] = VERDICTS, partly: bool = False
) -> dict[str, Any]:
    """Count, distinct questions, question-only baseline and, where judged, shares of verdicts by type and kind.

    partly: whether to tell how many of the rows were judged.
    """
    judged = [row for row in rows if row.verdict]
    metrics: dict[str, Any] = {
        "count": len(rows),
        "distinct_questions": percentage(len({row.question for row in rows}), len(rows)),
        "blind_accuracy": question_only_accuracy(rows),
        **judged_share(len(judged), len(rows), partly),
    }
    if not judged:
        return metrics
    metrics |= verdict_shares(judged, verdicts)
    metrics["blind_accuracy_on_correct"] = question_only_accuracy([row for row in judged if row.verdict == "correct"])
    metrics["by_type"] = shares_by(rows, [row.question_type for row in rows], verdicts, partly)
    of_oracle = [row for row in rows if row.question_kind]
    if of_oracle:
        metrics["by_kind"] = shares_by(of_oracle, [row.question_kind or "" for row in of_oracle], verdicts, False)
    return metrics


def judged_share(judged: int, rows: int, partly: bool) -> dict[str, float]:
    """The share of judged rows in percent, if only a part of a table was judged."""
    return {"judged": percentage(judged, rows)} if partly else {}


def question_only_accuracy(rows: Sequence[JudgedQa]) -> float:
    """Percentage of answers that the question-only baseline gives."""
    return blind_accuracy([row.key for row in rows], [row.question for row in rows], [row.answer for row in rows])


def verdict_shares(rows: Sequence[JudgedQa], verdicts: Sequence[Verdict]) -> dict[str, float]:
    """The share of each verdict among judged rows, in percent."""
    counts = Counter(row.verdict for row in rows)
    return {verdict: percentage(counts[verdict], len(rows)) for verdict in verdicts}


def shares_by(
    rows: Sequence[JudgedQa], names: Sequence[str], verdicts: Sequence[Verdict], partly: bool
) -> dict[str, Any]:
    """Count and, where judged, shares of verdicts for each name, sorted by name. names: one per row."""
    groups: dict[str, list[JudgedQa]] = defaultdict(list)
    for row, name in zip(rows, names, strict=True):
        groups[name].append(row)
    return {name: group_shares(group, verdicts, partly) for name, group in sorted(groups.items())}


def group_shares(rows: Sequence[JudgedQa], verdicts: Sequence[Verdict], partly: bool) -> dict[str, Any]:
    """Count and, where judged, shares of verdicts of some rows."""
    judged = [row for row in rows if row.verdict]
    shares = verdict_shares(judged, verdicts) if judged else {}
    return {"count": len(rows), **judged_share(len(judged), len(rows), partly), **shares}


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


def caption_quality(truths: Sequence[bool | None], kept: Sequence[bool]) -> dict[str, Any]:
    """Shares of true region captions before and after the filter, and its effect; None: not judged."""
    partly = None in truths
    after = [truth for truth, is_kept in zip(truths, kept, strict=True) if is_kept]
    judged = [(truth, is_kept) for truth, is_kept in zip(truths, kept, strict=True) if truth is not None]
    return {
        "generated": true_captions(truths, partly),
        "kept": true_captions(after, partly),
        "filter_effect": filter_effect([truth for truth, _ in judged], [is_kept for _, is_kept in judged]),
    }


def true_captions(truths: Sequence[bool | None], partly: bool) -> dict[str, Any]:
    """Number of captions, and how many of the judged ones are true, in percent; nothing of that if none was judged."""
    judged = [truth for truth in truths if truth is not None]
    shares = judged_share(len(judged), len(truths), partly)
    if judged or not partly:
        shares["true"] = percentage(sum(judged), len(judged))
    return {"count": len(truths), **shares}
