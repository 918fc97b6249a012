"""Synthetic captions: several region captions and statements of one image as one text, in place of a caption.

1. Parts are drawn: region captions (noun phrases, mostly) and statements. What no caption says is no part: that
   something is not so or not there, a question that no rule made a statement, a phrase that names nothing ("her").
2. Some region captions also say where in the image their box lies (`locations.py`).
3. The parts are put together as a person would (`compose.py`): "a brown dog is running on the grass, with two boys".

A phrase may become the subject of a statement only if it is the image's one thing of that name: all its region
captions with the same noun then have one box. So a text says nothing that its parts do not say.

A caption is made when it is drawn, and of all the image's rows only those are looked at that it is made of: rows are
tried in a random order until there are enough parts. So a part that two rows tell comes twice as often.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.alignment.data.statements.convert import statement
from pipeline.alignment.data.synthetic_captions.compose import Part, clause, compose, is_caption_like, thing
from pipeline.alignment.data.synthetic_captions.locations import with_location
from pipeline.alignment.params import ContrastiveParams
from pipeline.storage.boxes import Box


class SyntheticCaptions:
    """Those of one image. regions: boxes with phrases; asked: questions with answers."""

    def __init__(self, regions: Sequence[tuple[Box, str]], asked: Sequence[tuple[str, str]]) -> None:
        self._regions, self._asked = regions, asked
        self._parts: dict[int, Part | None] = {}

    def __len__(self) -> int:
        return len(self._regions) + len(self._asked)

    def possible(self) -> bool:
        """Whether there is any part."""
        return any(self.part(row) for row in range(len(self)))

    def draw(self, params: ContrastiveParams, rng: np.random.Generator) -> str | None:
        """One caption of 1 to `max_parts` parts, all numbers equally likely; fewer where there are fewer. None without.

        It depends on the generator's state, and on no caption that was drawn before.
        """
        number = int(rng.integers(1, min(params.max_parts, len(self)) + 1)) if len(self) else 0
        chosen: dict[Part, None] = {}
        for row in rng.permutation(len(self)).tolist():
            part = self.part(row) if len(chosen) < number else None
            if part:
                chosen.setdefault(part)
        located = (rng.random(len(chosen)) < params.location_phrase_prob).tolist()
        parts = [placed(part) if says else part for part, says in zip(chosen, located, strict=True)]
        return compose(parts) if parts else None

    def part(self, row: int) -> Part | None:
        """The part that a row tells, regions first; None if it tells none."""
        if row not in self._parts:
            first = len(self._regions)
            self._parts[row] = self._of_region(row) if row < first else self._of_statement(*self._asked[row - first])
        return self._parts[row]

    def _of_region(self, row: int) -> Part | None:
        box, phrase = self._regions[row]
        if not is_caption_like(phrase):
            return None
        part = clause(phrase) or thing(phrase, box)
        return part if part.text else None

    def _of_statement(self, question: str, answer: str) -> Part | None:
        text = statement(question, answer)
        if not is_caption_like(text):
            return None
        part = clause(text)
        if part is not None:
            boxes = self._boxes(part.noun)
            part = part.apart() if len(boxes) > 1 else part.at(*boxes) if boxes else part
        part = part or thing(text, None)
        return part if part.text else None

    def _boxes(self, noun: str) -> set[Box]:
        """The boxes of the regions with a noun. Only phrases with these letters can have it, so others are not read."""
        rows = [row for row, (_, phrase) in enumerate(self._regions) if noun in phrase.lower()]
        return {self._regions[row][0] for row in rows if (part := self.part(row)) and part.noun == noun}


def placed(part: Part) -> Part:
    """A thing with a phrase that says where its box lies."""
    return part if part.predicate else part.named(with_location(part.text, part.box))
