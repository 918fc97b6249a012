"""Questions and answers as text: their types, their plain forms, and the majority answer.

The tables, the questioner and the filter each compare texts in their own way, because each follows a published source.
The ways stand side by side here, and their names say how they differ.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal

QuestionType = Literal["what", "how", "where", "who", "why", "when", "binary", "other"]
BINARY, OTHER = "binary", "other"
QUESTION_WORDS = ("what", "how", "where", "who", "why", "when")
YES_NO = ("yes", "no")
NUMBER_WORD = re.compile(
    "none|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    "|sixteen|seventeen|eighteen|nineteen|twenty"
)
NUMBER = re.compile(r"\d+([.,]\d+)*")
WORD = re.compile(r"[a-z]+")

TIGHT_BEFORE = re.compile(r" ([?.,!;:%)\]])")
TIGHT_AFTER = re.compile(r"([(\[$#]) ")
TIGHT_AROUND = re.compile(r" (['’_/-]) ")


# Two types of a question. The table's type cuts the first word at its first sign that is not a letter, so that "what's"
# counts as what; the prompt's compares the whole word, as JADE's code does, and tells yes from no.


def question_type(question: str, answer: str) -> QuestionType:
    """Type of a question in the tables: its first word if that asks, else `binary` for yes or no, else `other`.

    Source: the types of JADE's published data set.
    """
    first = WORD.match(lowered(question))
    word = first.group() if first else ""
    if word in QUESTION_WORDS:
        return word
    return "binary" if plain_answer(answer) in YES_NO else "other"


def prompt_type(question: str, answer: str) -> str:
    """TYPE of a question in a prompt (see `questioner/model/prompts.py`): its first word if that asks, else the answer
    if that is `yes` or `no`, else `other`. The answer is as `plain_text` gives it.
    """
    words = question.lower().split()
    if words and words[0] in QUESTION_WORDS:
        return words[0]
    return answer if answer in YES_NO else OTHER


def answer_type(answer: str) -> str:
    """VQA's answer type: `yes/no`, `number` (digits or a number word), or `other`."""
    plain = plain_answer(answer)
    if plain in YES_NO:
        return "yes/no"
    return "number" if NUMBER_WORD.fullmatch(plain) or NUMBER.fullmatch(plain) else "other"


# Three plain forms of a text, from the mildest to the strongest.


def lowered(text: str) -> str:
    """A text in lower case without outer blanks."""
    return text.strip().lower()


def plain_answer(answer: str) -> str:
    """`lowered`, and without closing periods and exclamation marks."""
    return lowered(answer).rstrip(".!")


def plain_text(text: str) -> str:
    """A text as JADE trains on it: lower case, no periods anywhere, single spaces."""
    return " ".join(text.lower().replace(".", " ").split())


def detokenised(text: str) -> str:
    """A decoded text without the spaces that word pieces put around punctuation."""
    return TIGHT_AROUND.sub(r"\1", TIGHT_AFTER.sub(r"\1", TIGHT_BEFORE.sub(r"\1", text)))


def majority(answers: Iterable[str]) -> str:
    """The most frequent answer; of several the one that comes first. Raises IndexError if there is none."""
    return Counter(answers).most_common(1)[0][0]
