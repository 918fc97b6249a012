"""Judges what was generated about photographs by annotations of the same photographs that no training has seen.

Annotators say some things about a photograph and leave out most. So the judge speaks only where they did, and gives
None everywhere else, which is neither right nor wrong:

- a region caption is judged where annotated boxes overlap its box with an IoU of at least 0.5: it is true if its head
  noun agrees with that of one of their phrases (`head_noun`, `meaning`);
- an answer is judged where an annotator asked the same question, after VQA's normalisation, about the whole image or a
  box that overlaps in the same way: it is correct if it equals an annotator's answer after that normalisation.

IoU ≥ 0.5 is the usual threshold of phrase localisation (Plummer et al. 2015).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.evaluation.annotation_judge.head_noun import head_nouns
from pipeline.evaluation.annotation_judge.held_back import HeldBack, read_held_back
from pipeline.evaluation.annotation_judge.meaning import agrees
from pipeline.metrics.vqa_accuracy import normalise_answer
from pipeline.storage.boxes import Box, intersection_over_union
from pipeline.storage.shards import ImageShards
from pipeline.tables.questions import majority

MIN_IOU = 0.5


@dataclass(frozen=True)
class AnnotationJudge:
    """Judges rows about the pairs' images, which are named by their keys."""

    held_back: Mapping[str, HeldBack] = field(default_factory=dict)

    @staticmethod
    def read(annotations: Path, pairs: ImageShards) -> AnnotationJudge:
        """The judge of the pairs' images by `data/annotations/`. Raises UserError as `read_held_back` does."""
        return AnnotationJudge(read_held_back(annotations, pairs))

    def knows(self, key: str) -> bool:
        """Whether anything is held back about the image."""
        return key in self.held_back

    def verdict(self, key: str, box: Box, question: str, answer: str) -> Literal["correct", "wrong"] | None:
        """The verdict on an answer; None if no annotator asked this question."""
        answers = self._answers(key, box, question)
        if not answers:
            return None
        return "correct" if normalise_answer(answer) in map(normalise_answer, answers) else "wrong"

    def answer(self, key: str, box: Box, question: str) -> str | None:
        """The annotators' most frequent answer; None if none of them asked this question."""
        answers = self._answers(key, box, question)
        return majority(answers) if answers else None

    def is_true(self, key: str, box: Box, caption: str) -> bool | None:
        """Whether a caption is true of its region; None if no annotator named it, or the words leave it open."""
        if key not in self.held_back:
            return None
        named = (phrase for other, phrase in self.held_back[key].regions if overlap(box, other))
        heads = frozenset().union(*map(head_nouns, named))
        return agrees(head_nouns(caption), heads)

    def _answers(self, key: str, box: Box, question: str) -> list[str]:
        """All answers of annotators who asked the question about the image or an overlapping box."""
        if key not in self.held_back:
            return []
        asked = self.held_back[key].questions.get(normalise_answer(question), ())
        return [answer for other, answers in asked if other is None or overlap(box, other) for answer in answers]


def overlap(first: Box, second: Box) -> bool:
    """Whether two boxes are about the same region."""
    return intersection_over_union(first, second) >= MIN_IOU
