"""Wrong answers: plausible ones, drawn from the answers to like questions.

A wrong answer is drawn from the answers that other images gave to a question of the same opening ("what color",
"how many", …), in proportion to how often they gave it, so it is plausible; never one that any kept pair of this
image gives to the same question. Yes and no are each other's wrong answers.

Source: CREPE and NegCLIP (Yuksekgonul et al. 2023) for hard negative texts that differ in one fact.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.tables.questions import lowered

YES_NO = {"yes": "no", "no": "yes"}
OPENING_WORDS = 2


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
