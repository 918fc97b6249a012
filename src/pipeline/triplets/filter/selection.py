"""Which generated rows stay: the filter's decisions, without any model or file.

Every decision is a reason to reject the row or None, one per row, in the rows' order. A question-answer pair passes, in
this order,

1. the rules (`pipeline.triplets.filter.rules`),
2. the threshold on the generator's confidence,
3. the search for duplicates within its image,
4. the comparison of its answer with the filter model's,
5. the threshold on the filter model's confidence,
6. the limits per question type, on yes-or-no pairs, and on the ratio of yes and no.

The first reason that a row meets is the one recorded (`pipeline.triplets.filter.reasons`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from pipeline.metrics.token_f1 import token_f1
from pipeline.metrics.vqa_accuracy import normalise_answer
from pipeline.questioner.decoding.generated import Generated
from pipeline.tables.questions import BINARY, lowered
from pipeline.triplets.filter.duplicates import by_confidence, repeated_captions, repeated_qa
from pipeline.triplets.filter.params import (
    Agreement,
    CaptionFilterParams,
    EqualText,
    LimitParams,
    RuleParams,
    SecondAnswerParams,
    TokenOverlap,
)
from pipeline.triplets.filter.reasons import Reason
from pipeline.triplets.filter.rules import caption_fault, qa_fault

Row = Mapping[str, Any]
Reasons = list[Reason | None]
"""One entry per row: why it is rejected, or None while it stays."""


def agrees(answer: str, second: str, agreement: Agreement) -> bool:
    """Do the generator's and the second model's answers say the same?"""
    if isinstance(agreement, EqualText):
        return answer.strip() == second.strip()
    if isinstance(agreement, TokenOverlap):
        return token_f1(second, answer) >= agreement.threshold
    return normalise_answer(answer) == normalise_answer(second)


def screen_qa(rows: Sequence[Row], params: RuleParams) -> Reasons:
    """Reasons that need no second answer: rules, low confidence, duplicates within an image."""
    reasons: Reasons = [qa_fault(row["question"], row["answer"], params.min_question_words) for row in rows]
    for index in remaining(reasons):
        confidence = rows[index]["answer_confidence"]
        if confidence <= 0 or confidence < params.min_answer_confidence:
            reasons[index] = "low_answer_confidence"
    for members in groups(remaining(reasons), [row["key"] for row in rows]):
        repeated = repeated_qa(
            [rows[index]["question"] for index in members],
            [rows[index]["answer"] for index in members],
            [rows[index]["answer_confidence"] for index in members],
        )
        for number in repeated:
            reasons[members[number]] = "duplicate"
    return reasons


def judge_qa(
    rows: Sequence[Row],
    reasons: Sequence[Reason | None],
    answers: Mapping[int, Generated],
    second: SecondAnswerParams,
    limits: LimitParams,
) -> Reasons:
    """Add the reasons that follow from the filter model's answers.

    answers: one for the index of each row that is not rejected yet.
    """
    judged: Reasons = list(reasons)
    for index in remaining(reasons):
        answer = answers[index]
        if not agrees(rows[index]["answer"], answer.text, second.agreement):
            judged[index] = "disagreement"
        elif answer.confidence < second.min_filter_confidence:
            judged[index] = "low_filter_confidence"
    confidence = [
        row["answer_confidence"] * answers[index].confidence if index in answers else 0.0
        for index, row in enumerate(rows)
    ]
    _limit_types(rows, judged, confidence, limits.per_type)
    _limit_binary(rows, judged, confidence, limits.binary_share)
    _balance_yes_no(rows, judged, confidence, limits.yes_no_ratio)
    return judged


def screen_captions(rows: Sequence[Row], params: CaptionFilterParams) -> Reasons:
    """Reasons against region captions: rules, low confidence, near-duplicates within an image."""
    reasons: Reasons = [caption_fault(row["caption"]) for row in rows]
    for index in remaining(reasons):
        if rows[index]["confidence"] < params.min_confidence:
            reasons[index] = "low_confidence"
    for members in groups(remaining(reasons), [row["key"] for row in rows]):
        repeated = repeated_captions(
            [rows[index]["box"] for index in members],
            [rows[index]["caption"] for index in members],
            [rows[index]["confidence"] for index in members],
            params.duplicate_iou,
            params.duplicate_token_f1,
        )
        for number in repeated:
            reasons[members[number]] = "duplicate"
    return reasons


def remaining(reasons: Sequence[str | None]) -> list[int]:
    """Indices of the rows that are not rejected."""
    return [index for index, reason in enumerate(reasons) if reason is None]


def groups(indices: Iterable[int], names: Sequence[Hashable]) -> list[list[int]]:
    """Indices whose rows share a name, in the order in which the names first appear. names: one per row."""
    by_name: dict[Hashable, list[int]] = defaultdict(list)
    for index in indices:
        by_name[names[index]].append(index)
    return list(by_name.values())


def _limit_types(rows: Sequence[Row], reasons: Reasons, confidence: Sequence[float], limit: int | None) -> None:
    if limit is None:
        return
    names = [(row["key"], row["question_type"]) for row in rows]
    for members in groups(remaining(reasons), names):
        for number in by_confidence([confidence[index] for index in members])[limit:]:
            reasons[members[number]] = "over_type_limit"


def _limit_binary(rows: Sequence[Row], reasons: Reasons, confidence: Sequence[float], share: float | None) -> None:
    if share is None:
        return
    for members in groups(remaining(reasons), [row["key"] for row in rows]):
        binary = [index for index in members if rows[index]["question_type"] == BINARY]
        most = int(share * (len(members) - len(binary)))
        for number in by_confidence([confidence[index] for index in binary])[most:]:
            reasons[binary[number]] = "over_binary_share"


def _balance_yes_no(rows: Sequence[Row], reasons: Reasons, confidence: Sequence[float], ratio: float | None) -> None:
    if ratio is None:
        return
    answers = [lowered(row["answer"]) for row in rows]
    sides = {word: [index for index in remaining(reasons) if answers[index] == word] for word in ("yes", "no")}
    for word, other in (("yes", "no"), ("no", "yes")):
        members, most = sides[word], int(ratio * len(sides[other]))
        for number in by_confidence([confidence[index] for index in members])[most:]:
            reasons[members[number]] = "yes_no_balance"
