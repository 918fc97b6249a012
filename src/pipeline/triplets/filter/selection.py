"""Which generated rows stay: the filter's decisions, without any model or file.

Every decision is a reason or None, one per row, in the rows' order. A pair passes, in this order, the rules
(`pipeline.triplets.filter.rules`), the generator's confidence, duplicates within its image, the agreement of the
second answer, the second model's confidence, and the limits. The first reason met is the one recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.metrics.token_f1 import token_f1
from pipeline.metrics.vqa_accuracy import normalise_answer
from pipeline.triplets.filter.duplicates import by_confidence, repeated_captions, repeated_pairs
from pipeline.triplets.filter.params import (
    Agreement,
    CaptionFilterParams,
    EqualText,
    LimitParams,
    RuleParams,
    SecondAnswerParams,
    TokenOverlap,
)
from pipeline.triplets.filter.rules import caption_fault, pair_fault

Row = Mapping[str, Any]
Reasons = list[str | None]


@dataclass(frozen=True)
class SecondAnswer:
    """What the second model answers, and how sure it is, in [0, 1]."""

    text: str
    confidence: float


def agrees(answer: str, second: str, agreement: Agreement) -> bool:
    """Do the generator's and the second model's answers say the same?"""
    if isinstance(agreement, EqualText):
        return answer.strip() == second.strip()
    if isinstance(agreement, TokenOverlap):
        return token_f1(second, answer) >= agreement.threshold
    return normalise_answer(answer) == normalise_answer(second)


def screen_pairs(rows: Sequence[Row], params: RuleParams) -> Reasons:
    """Reasons that need no second answer: rules, low confidence, duplicates within an image."""
    reasons: Reasons = [pair_fault(row["question"], row["answer"], params.min_question_words) for row in rows]
    for place in alive(reasons):
        confidence = rows[place]["answer_confidence"]
        if confidence <= 0 or confidence < params.min_answer_confidence:
            reasons[place] = "low_answer_confidence"
    for places in groups(alive(reasons), [row["key"] for row in rows]):
        repeated = repeated_pairs(
            [rows[place]["question"] for place in places],
            [rows[place]["answer"] for place in places],
            [rows[place]["answer_confidence"] for place in places],
        )
        for index in repeated:
            reasons[places[index]] = "duplicate"
    return reasons


def judge_pairs(
    rows: Sequence[Row],
    reasons: Sequence[str | None],
    answers: Mapping[int, SecondAnswer],
    second: SecondAnswerParams,
    limits: LimitParams,
) -> Reasons:
    """Add the reasons that the second answers give. `answers` has one entry per row that is still in."""
    judged = list(reasons)
    for place in alive(reasons):
        answer = answers[place]
        if not agrees(rows[place]["answer"], answer.text, second.agreement):
            judged[place] = "disagreement"
        elif answer.confidence < second.min_filter_confidence:
            judged[place] = "low_filter_confidence"
    sureness = [
        row["answer_confidence"] * answers[place].confidence if place in answers else 0.0
        for place, row in enumerate(rows)
    ]
    _limit_types(rows, judged, sureness, limits.per_type)
    _balance_yes_no(rows, judged, sureness, limits.yes_no_ratio)
    return judged


def screen_captions(rows: Sequence[Row], params: CaptionFilterParams) -> Reasons:
    """Reasons against region captions: rules, low confidence, near-duplicates within an image."""
    reasons: Reasons = [caption_fault(row["caption"]) for row in rows]
    for place in alive(reasons):
        if rows[place]["confidence"] < params.min_confidence:
            reasons[place] = "low_confidence"
    for places in groups(alive(reasons), [row["key"] for row in rows]):
        repeated = repeated_captions(
            [rows[place]["box"] for place in places],
            [rows[place]["caption"] for place in places],
            [rows[place]["confidence"] for place in places],
            params.duplicate_iou,
            params.duplicate_token_f1,
        )
        for index in repeated:
            reasons[places[index]] = "duplicate"
    return reasons


def alive(reasons: Sequence[str | None]) -> list[int]:
    """Places of the rows that are still in."""
    return [place for place, reason in enumerate(reasons) if reason is None]


def groups(places: Iterable[int], names: Sequence[Hashable]) -> list[list[int]]:
    """Places that share a name, in the order in which the names first appear."""
    found: dict[Hashable, list[int]] = defaultdict(list)
    for place in places:
        found[names[place]].append(place)
    return list(found.values())


def _limit_types(rows: Sequence[Row], reasons: Reasons, sureness: Sequence[float], limit: int | None) -> None:
    if limit is None:
        return
    names = [(row["key"], row["question_type"]) for row in rows]
    for places in groups(alive(reasons), names):
        for index in by_confidence([sureness[place] for place in places])[limit:]:
            reasons[places[index]] = "over_type_limit"


def _balance_yes_no(rows: Sequence[Row], reasons: Reasons, sureness: Sequence[float], ratio: float | None) -> None:
    if ratio is None:
        return
    answers = [row["answer"].strip().lower() for row in rows]
    sides = {word: [place for place in alive(reasons) if answers[place] == word] for word in ("yes", "no")}
    for word, other in (("yes", "no"), ("no", "yes")):
        places, most = sides[word], int(ratio * len(sides[other]))
        for index in by_confidence([sureness[place] for place in places])[most:]:
            reasons[places[index]] = "yes_no_balance"
