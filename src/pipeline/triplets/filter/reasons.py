"""Why the filter rejects a row: every reason, in words and in the order of the filter's steps.

The names stand in the column `reason` of `data/rejected/` and in `results/filter/metrics.json`. The first reason that a
row meets is the one recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Reason = Literal[
    "empty",
    "reserved_token",
    "repetition",
    "no_word",
    "answer_is_question",
    "short_question",
    "low_answer_confidence",
    "duplicate",
    "disagreement",
    "low_filter_confidence",
    "over_type_limit",
    "over_binary_share",
    "yes_no_balance",
    "low_confidence",
]

DESCRIPTIONS: dict[Reason, str] = {
    "empty": "The question, the answer or the region caption has no text.",
    "reserved_token": "A text holds one of BERT's reserved tokens, or a word piece that was never joined.",
    "repetition": "A text says one word three times in a row.",
    "no_word": "The question or the region caption has no letter, or the answer neither letter nor digit.",
    "answer_is_question": "The answer repeats the question.",
    "short_question": "The question has fewer words than `rules.min_question_words`.",
    "low_answer_confidence": "The generator's confidence in its answer is 0 or below `rules.min_answer_confidence`.",
    "duplicate": "A more confident question of the same image has the same text and answer. Of captions: a more "
    "confident one describes nearly the same box in nearly the same words.",
    "disagreement": "The filter model gives another answer.",
    "low_filter_confidence": "The filter model's confidence in its answer is below "
    "`second_answer.min_filter_confidence`.",
    "over_type_limit": "The image has `limits.per_type` more confident questions of this type.",
    "over_binary_share": "The image has enough more confident yes-or-no pairs, by `limits.binary_share`.",
    "yes_no_balance": "The shard has more `yes` than `no` answers, or the reverse, than `limits.yes_no_ratio` allows.",
    "low_confidence": "The generator's confidence in the region caption is below `captions.min_confidence`.",
}

Steps = Mapping[str, tuple[Reason, ...]]
"""Steps of the filter in their order, each with the reasons that it gives."""

QA_STEPS: Steps = {
    "rules": ("empty", "reserved_token", "repetition", "no_word", "answer_is_question", "short_question"),
    "answer confidence": ("low_answer_confidence",),
    "duplicates": ("duplicate",),
    "agreement": ("disagreement",),
    "filter confidence": ("low_filter_confidence",),
    "limits": ("over_type_limit", "over_binary_share", "yes_no_balance"),
}

CAPTION_STEPS: Steps = {
    "rules": ("empty", "reserved_token", "repetition", "no_word"),
    "confidence": ("low_confidence",),
    "duplicates": ("duplicate",),
}
