"""Wrong answers: plausible ones, drawn from the answers to like questions.

A wrong answer is drawn from the answers that other images gave to a question of the same frame ("what color", "what …
holding", …; see `frames.py`), in proportion to how often they gave it, so it is plausible. It is never

- one that any kept pair of this image gives to the same question;
- one that may be true beside it ("child" beside "boy", "grass" beside "field"), or of nearly every image (`alike.py`);
- one that the rules put in another form than the right answer, so that the form would tell the two apart.

Yes and no are each other's wrong answers.

Source: CREPE and NegCLIP (Yuksekgonul et al. 2023) for hard negative texts that differ in one fact.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pipeline.alignment.data.statements.convert import converted
from pipeline.alignment.data.statements.phrases.answers import named
from pipeline.alignment.data.statements.phrases.word_lists import NO_STATEMENT
from pipeline.alignment.data.wrong_answers.alike import may_both_be_true, says_little
from pipeline.alignment.data.wrong_answers.frames import frames
from pipeline.tables.questions import lowered

YES_NO = {"yes": "no", "no": "yes"}
FEWEST = 4
"""Distinct answers that a frame needs to be drawn from, unless no wider one has more."""
TRIED = 20
"""Answers of one frame that are tried for one question."""


class WrongAnswers:
    """Draws plausible wrong answers. Built from all kept pairs: (question, answer), in a fixed order."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for question, answer in pairs:
            for frame in frames(question):
                counts[frame][lowered(answer)] += 1
        self._answers: Mapping[str, tuple[list[str], np.ndarray]] = {
            name: (list(counter), np.array(list(counter.values()), dtype=np.float64))
            for name, counter in counts.items()
        }

    def draw(self, question: str, right: set[str], number: int, rng: np.random.Generator) -> list[str]:
        """At most `number` distinct answers that are not in `right` (lower case), drawn by their frequency."""
        if right & YES_NO.keys():
            return [] if len(right) > 1 else [YES_NO[answer] for answer in right]
        known = [frame for frame in frames(question) if frame in self._answers]
        rich = [frame for frame in known if len(self._answers[frame][0]) > FEWEST]
        if not known or not right:
            return []
        form = {converted(question, answer) is None for answer in right}
        numbers = {named(answer).plural for answer in right}
        found: list[str] = []
        for answer in self._in_order(rich[0] if rich else known[-1], right, rng):
            if len(found) == number:
                break
            if question.lower().startswith("who") and named(answer).plural not in numbers:
                continue
            if is_wrong(answer, right) and (converted(question, answer) is None) in form:
                found.append(answer)
        return found

    def _in_order(self, frame: str, right: set[str], rng: np.random.Generator) -> Iterator[str]:
        """Answers of a frame in a random order, the frequent ones sooner; at most TRIED."""
        answers, counts = self._answers[frame]
        weights = np.where([answer in right or answer in YES_NO for answer in answers], 0.0, counts)
        possible = int((weights > 0).sum())
        if possible:
            chosen = rng.choice(len(answers), size=min(TRIED, possible), replace=False, p=weights / weights.sum())
            yield from (answers[index] for index in chosen)


def is_wrong(answer: str, right: set[str]) -> bool:
    """Whether an answer is surely wrong where others are right."""
    vague = answer in NO_STATEMENT or says_little(answer)
    return not vague and not any(may_both_be_true(answer, other) for other in right)
