"""Faults that need no second model: what is wrong with a text by itself.

Each function names the first fault that it finds, or gives None. The names are the reasons in the rejected
tables.
"""

from __future__ import annotations

import re

# What a decoder emits when it goes astray: BERT's reserved tokens, or pieces of words never joined.
_RESERVED = re.compile(r"\[(unused\d+|pad|cls|sep|mask|unk)\]|(^|\s)##", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_THRICE = re.compile(r"\b(\w+)( \1){2,}\b")


def text_fault(text: str) -> str | None:
    """`empty`, `reserved_token` or `repetition` (a word three times in a row)."""
    if not text.strip():
        return "empty"
    if _RESERVED.search(text):
        return "reserved_token"
    if _THRICE.search(text):
        return "repetition"
    return None


def pair_fault(question: str, answer: str, min_question_words: int) -> str | None:
    """The first fault of a question-answer pair.

    Beside the faults of either text: `no_word` (a question without a letter, an answer without a letter or
    digit), `short_question`, and `answer_is_question`.
    """
    fault = text_fault(question) or text_fault(answer)
    if fault:
        return fault
    if not _LETTER.search(question) or not _LETTER_OR_DIGIT.search(answer):
        return "no_word"
    if question.strip().lower() == answer.strip().lower():
        return "answer_is_question"
    if len(question.split()) < min_question_words:
        return "short_question"
    return None


def caption_fault(caption: str) -> str | None:
    """The first fault of a region caption: a text's faults, or `no_word`."""
    return text_fault(caption) or (None if _LETTER.search(caption) else "no_word")
