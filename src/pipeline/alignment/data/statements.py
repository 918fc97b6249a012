"""Answered questions as statements, and the same questions with another answer.

"what color is the car?" with "red" becomes "the car is red": a text of the form that captions have, which the
text encoder knows. Rules by the question's first words cover the common forms; a question that fits none stays a
question with its answer behind it ("why is she smiling? birthday"), which is true of the image just the same.

A wrong answer is drawn from the answers that other images gave to a question of the same opening ("what color",
"how many", …), in proportion to how often they gave it, so it is plausible; never one that any kept pair of this
image gives to the same question. Yes and no are each other's wrong answers.

Source: CREPE and NegCLIP (Yuksekgonul et al. 2023) for hard negative texts that differ in one fact.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.tables.questions import lowered

YES_NO = {"yes": "no", "no": "yes"}
OPENING_WORDS = 2
_KIND = r"(?:colou?r|shape|size|pattern|kind|type|material)"
_PLACE = r"(?:in|on|at|under|behind|near|next|above|below|left|right|to|beside|between|inside|around)\b"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), template)
    for pattern, template in (
        (r"^how many (.+?) (are|is) there(.*)$", r"there {1} {a} {0}{2}"),
        (r"^how many (.+?) can you see(.*)$", r"there are {a} {0}{1}"),
        (r"^how many (.+?) (are|is|have|has|can)\b(.*)$", r"{a} {0} {1}{2}"),
        (rf"^what {_KIND} (is|are) (?:on )?(.+)$", r"{1} {0} {a}"),
        (rf"^what (is|are) the {_KIND} of (.+)$", r"{1} {0} {a}"),
        (rf"^what {_KIND} (?:does|do) (.+) have$", r"{0} is {a}"),
        (rf"^(?:what|who|which \w+) (is|are) ({_PLACE}.*)$", r"{a} {0} {1}"),
        (r"^what (is|are) (.+) doing(.*)$", r"{1} {0} {a}{2}"),
        (r"^what (is|are|was|were) (.+) (\w+ing)$", r"{1} {0} {2} {a}"),
        (r"^where(?: in the \w+)? (is|are) (.+?)(?: located)?$", r"{1} {0} {a}"),
        (r"^how \w+ (is|are) (.+)$", r"{1} {0} {a}"),
        (r"^(?:what|who|how|which) (is|are|was|were) (.+?)(?: like)?$", r"{1} {0} {a}"),
        (r"^(?:what|which) (\w+) (is|are) (.+)$", r"{2} {1} {a}"),
        (r"^(is|are) (the .+) \w+ or (?:an? )?\w+$", r"{1} {0} {a}"),
    )
)
_EXISTS = re.compile(r"^(?:(is|are) there|can you see|(?:does|do) the \w+ show) (?:(an?|any) )?(.+)$")
_IS_SO = re.compile(rf"^(is|are) (the (?:(?!an? |the |{_PLACE}|\w+ing )\S+ )+)(\w+)$")


def statement(question: str, answer: str) -> str:
    """The question and its answer as one text in lower case, without a question mark where a rule fits."""
    asked, answer = lowered(question).rstrip("?").strip(), lowered(answer)
    if answer in YES_NO:
        return _yes_no_statement(asked, answer == "yes") or f"{asked}? {answer}"
    for pattern, template in _RULES:
        match = pattern.match(asked)
        if match is not None:
            return template.format(*match.groups(default=""), a=answer)
    return f"{asked}? {answer}"


def _yes_no_statement(asked: str, yes: bool) -> str:
    """The statement that the answer yes or no makes of a question; empty if no rule fits."""
    exists = _EXISTS.match(asked)
    if exists is not None:
        verb, article, rest = exists.groups()
        verb = verb or "is"
        if not yes:
            return f"there {verb} no {rest}"
        return " ".join(["there", verb, *([article] if article in ("a", "an") else []), rest])
    is_so = _IS_SO.match(asked)
    if is_so is not None:
        verb, subject, rest = is_so.groups()
        return f"{subject.strip()} {verb} {'' if yes else 'not '}{rest}"
    return ""


def opening(question: str) -> str:
    """The first words of a question, by which questions with the same kind of answer are grouped."""
    return " ".join(question.lower().split()[:OPENING_WORDS])


class WrongAnswers:
    """Draws plausible wrong answers. Built from all kept pairs: (question, answer), in a fixed order."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for question, answer in pairs:
            counts[opening(question)][lowered(answer)] += 1
        self._answers: Mapping[str, tuple[list[str], np.ndarray]] = {
            name: (list(counter), np.array(list(counter.values()), dtype=np.float64))
            for name, counter in counts.items()
        }

    def draw(self, question: str, right: set[str], number: int, rng: np.random.Generator) -> list[str]:
        """At most `number` distinct answers that are not in `right` (lower case), drawn by their frequency."""
        if right & YES_NO.keys():
            return [] if len(right) > 1 else [YES_NO[answer] for answer in right]
        answers, counts = self._answers.get(opening(question), ([], np.zeros(0)))
        weights = np.where([answer in right or answer in YES_NO for answer in answers], 0.0, counts)
        possible = int((weights > 0).sum())
        if possible == 0:
            return []
        chosen = rng.choice(len(answers), size=min(number, possible), replace=False, p=weights / weights.sum())
        return [answers[index] for index in chosen]
