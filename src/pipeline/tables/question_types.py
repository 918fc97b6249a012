"""Types of questions (as JADE's data set names them) and of answers (as VQA does)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

QUESTION_WORDS = ("what", "how", "where", "who", "why", "when")
NUMBER_WORD = re.compile(
    "none|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    "|sixteen|seventeen|eighteen|nineteen|twenty"
)
NUMBER = re.compile(r"\d+([.,]\d+)*")
WORD = re.compile(r"[a-z]+")


def question_type(question: str, answer: str) -> str:
    """The first word if it asks (what, how, where, who, why, when), else `binary` for yes or no, else `other`.

    Source: the types of JADE's published data set. "What's" counts as what.
    """
    first = WORD.match(question.strip().lower())
    if first and first.group() in QUESTION_WORDS:
        return first.group()
    plain = plain_answer(answer)
    return "binary" if plain in ("yes", "no") else "other"


def answer_type(answer: str) -> str:
    """VQA's answer type: `yes/no`, `number` (digits or a number word), or `other`."""
    plain = plain_answer(answer)
    if plain in ("yes", "no"):
        return "yes/no"
    return "number" if NUMBER_WORD.fullmatch(plain) or NUMBER.fullmatch(plain) else "other"


def plain_answer(answer: str) -> str:
    """An answer in lower case without outer blanks and closing punctuation."""
    return answer.strip().lower().rstrip(".!")


def majority(answers: Sequence[str]) -> str:
    """The most frequent answer; of several the one that comes first."""
    return Counter(answers).most_common(1)[0][0]
