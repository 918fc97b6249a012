"""Faults of a text by itself, found without a second model.

Each function gives the first reason to reject the text (`pipeline.triplets.filter.reasons`), or None.
"""

from __future__ import annotations

import re

from pipeline.tables.questions import lowered
from pipeline.triplets.filter.reasons import Reason

# What a decoder emits when it goes astray: BERT's reserved tokens, or pieces of words never joined.
_RESERVED = re.compile(r"\[(unused\d+|pad|cls|sep|mask|unk)\]|(^|\s)##", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_THRICE = re.compile(r"\b(\w+)( \1){2,}\b")


def text_fault(text: str) -> Reason | None:
    """`empty`, `reserved_token` or `repetition` (a word three times in a row)."""
    if not text.strip():
        return "empty"
    if _RESERVED.search(text):
        return "reserved_token"
    if _THRICE.search(text):
        return "repetition"
    return None


def qa_fault(question: str, answer: str, min_question_words: int) -> Reason | None:
    """The first fault of a question-answer pair: those of either text, or of the two together."""
    fault = text_fault(question) or text_fault(answer)
    if fault:
        return fault
    if not _LETTER.search(question) or not _LETTER_OR_DIGIT.search(answer):
        return "no_word"
    if lowered(question) == lowered(answer):
        return "answer_is_question"
    if len(question.split()) < min_question_words:
        return "short_question"
    return None


def caption_fault(caption: str) -> Reason | None:
    """The first fault of a region caption."""
    fault = text_fault(caption)
    if fault:
        return fault
    return None if _LETTER.search(caption) else "no_word"
