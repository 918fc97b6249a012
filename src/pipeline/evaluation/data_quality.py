"""How good generated question-answer pairs and region captions are, judged one by one.

A judge gives each pair one of four verdicts: `correct` (the question is understood, can be answered from
the image, and the answer is equal), `wrong`, `unanswerable` (the question supposes what is not there) and
`not_understood`. Shares are over *all* rows of the table at hand, in percent. Beside them stand the share
of distinct questions and the accuracy of a blind answerer, so that trivial questions win nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.metrics.percentage import percentage
from pipeline.metrics.question_only import blind_accuracy

Verdict = Literal["correct", "wrong", "unanswerable", "not_understood"]
VERDICTS: tuple[Verdict, ...] = ("correct", "wrong", "unanswerable", "not_understood")


@dataclass(frozen=True)
class Pair:
    """One generated pair as evaluation sees it; `verdict` and `question_kind` are None without a judge."""

    key: str
    question: str
    answer: str
    question_type: str
    kept: bool
    verdict: Verdict | None = None
    question_kind: str | None = None


def pair_quality(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Figures of all pairs (`generated`), of the `kept` and the `rejected` ones, and of the filter's effect.

    Verdicts, and what follows from them, appear only if every pair has one.
    """
    parts = {
        "generated": pairs,
        "kept": [pair for pair in pairs if pair.kept],
        "rejected": [pair for pair in pairs if not pair.kept],
    }
    quality: dict[str, Any] = {name: table_quality(part) for name, part in parts.items()}
    if pairs and all(pair.verdict for pair in pairs):
        quality["filter_effect"] = filter_effect(
            [pair.verdict == "correct" for pair in pairs], [pair.kept for pair in pairs]
        )
    return quality


def table_quality(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Count, distinct questions, blind accuracy and, where judged, shares of verdicts by type and kind."""
    figures: dict[str, Any] = {
        "count": len(pairs),
        "distinct_questions": percentage(len({pair.question for pair in pairs}), len(pairs)),
        "blind_accuracy": blind_accuracy(*_columns(pairs)),
    }
    if not pairs or not all(pair.verdict for pair in pairs):
        return figures
    right = [pair for pair in pairs if pair.verdict == "correct"]
    return {
        **figures,
        **verdict_shares(pairs),
        "blind_accuracy_on_correct": blind_accuracy(*_columns(right)),
        "by_type": shares_by(pairs, [pair.question_type for pair in pairs]),
        "by_kind": shares_by(pairs, [pair.question_kind or "not_understood" for pair in pairs]),
    }


def verdict_shares(pairs: Sequence[Pair]) -> dict[str, float]:
    """The share of each verdict, in percent."""
    found = Counter(pair.verdict for pair in pairs)
    return {verdict: percentage(found[verdict], len(pairs)) for verdict in VERDICTS}


def shares_by(pairs: Sequence[Pair], names: Sequence[str]) -> dict[str, Any]:
    """Count and shares of verdicts for each name, sorted by name."""
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair, name in zip(pairs, names, strict=True):
        groups[name].append(pair)
    return {name: {"count": len(group), **verdict_shares(group)} for name, group in sorted(groups.items())}


def filter_effect(right: Sequence[bool], kept: Sequence[bool]) -> dict[str, float]:
    """What a filter does to right and wrong rows, in percent; wrong means anything but right.

    `wrong_before` and `wrong_after`: shares of wrong rows among all and among kept ones; `wrong_ratio`: the
    second over the first (0.5: halved); `right_kept` and `wrong_kept`: shares of right and of wrong rows
    that stay.
    """
    right_kept = sum(is_right and stays for is_right, stays in zip(right, kept, strict=True))
    rights, stayed = sum(right), sum(kept)
    wrongs, wrong_kept = len(right) - rights, stayed - right_kept
    before, after = percentage(wrongs, len(right)), percentage(wrong_kept, stayed)
    return {
        "wrong_before": before,
        "wrong_after": after,
        "wrong_ratio": round(after / before, 4) if before else 0.0,
        "right_kept": percentage(right_kept, rights),
        "wrong_kept": percentage(wrong_kept, wrongs),
    }


def caption_quality(truths: Sequence[bool], kept: Sequence[bool]) -> dict[str, Any]:
    """Shares of true region captions before and after the filter, and its effect."""
    after = [truth for truth, stays in zip(truths, kept, strict=True) if stays]
    return {
        "generated": {"count": len(truths), "true": percentage(sum(truths), len(truths))},
        "kept": {"count": len(after), "true": percentage(sum(after), len(after))},
        "filter_effect": filter_effect(truths, kept),
    }


def _columns(pairs: Sequence[Pair]) -> tuple[list[str], list[str], list[str]]:
    return (
        [pair.key for pair in pairs],
        [pair.question for pair in pairs],
        [pair.answer for pair in pairs],
    )
