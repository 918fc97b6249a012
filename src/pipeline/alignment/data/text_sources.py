"""Which texts describe a training image: captions, synthetic captions, region phrases and statements.

An alt-text says little, and not always the truth; region captions and answered questions say much about one
thing each. Two ways bring them in:

- as *synthetic captions* (`synthetic_captions/`), which stand in for captions in the contrastive loss;
- alone, in losses of their own: regions against phrases, and right against wrong answers.

Everything is drawn from generators seeded by (seed, purpose, image), so texts are known, and can be encoded,
before training begins.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.alignment.data.statements.convert import statement
from pipeline.alignment.data.synthetic_captions.draw import synthetic_captions
from pipeline.alignment.data.wrong_answers.draw import WrongAnswers
from pipeline.alignment.params import ContrastiveParams, QuestionParams
from pipeline.storage.boxes import Box
from pipeline.tables.questions import lowered

SYNTHETIC, ANSWERS = 1, 2
"""Random streams of the synthetic captions and of the wrong answers."""


@dataclass(frozen=True)
class ImageTexts:
    """Texts of one image. regions: (box, phrase); questions: (right statement, wrong statements)."""

    captions: list[str]
    synthetic: list[str] = field(default_factory=list)
    regions: list[tuple[Box, str]] = field(default_factory=list)
    questions: list[tuple[str, list[str]]] = field(default_factory=list)

    @property
    def whole(self) -> list[str]:
        """The texts that describe the whole image."""
        return [*self.captions, *self.synthetic]

    def all(self) -> list[str]:
        """Every text, repetitions included."""
        answered = [text for right, wrong in self.questions for text in (right, *wrong)]
        return [*self.whole, *(phrase for _, phrase in self.regions), *answered]


def describe_images(
    captions: Mapping[str, Sequence[str]],
    regions: Sequence[Mapping[str, Any]],
    qa: Sequence[Mapping[str, Any]],
    contrastive: ContrastiveParams,
    questions: QuestionParams,
    seed: int,
) -> dict[str, ImageTexts]:
    """Texts by image key.

    captions: by key, in the order of the images; regions: rows with key, box, caption; qa: rows with key, question,
    answer. Rows of other images are ignored.
    """
    regions_of, qa_of = _grouped(regions, captions), _grouped(qa, captions)
    wrong = WrongAnswers([(row["question"], row["answer"]) for key in captions for row in qa_of[key]])
    texts = {}
    for number, (key, given) in enumerate(captions.items()):
        phrases = [(_box(row), row["caption"]) for row in regions_of[key]]
        statements = _statements(qa_of[key], wrong, questions, np.random.default_rng([seed, ANSWERS, number]))
        rng = np.random.default_rng([seed, SYNTHETIC, number])
        texts[key] = ImageTexts(
            captions=[caption for caption in given if caption.strip()],
            synthetic=synthetic_captions(phrases, [right for right, _ in statements], contrastive, rng),
            regions=phrases,
            questions=statements,
        )
    return texts


def _grouped(rows: Sequence[Mapping[str, Any]], keys: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    by_image: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["key"] in keys:
            by_image[row["key"]].append(row)
    return by_image


def _box(row: Mapping[str, Any]) -> Box:
    x1, y1, x2, y2 = row["box"]
    return float(x1), float(y1), float(x2), float(y2)


def _statements(
    rows: Sequence[Mapping[str, Any]], wrong: WrongAnswers, params: QuestionParams, rng: np.random.Generator
) -> list[tuple[str, list[str]]]:
    right: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        right[row["question"]].add(lowered(row["answer"]))
    true = {statement(row["question"], row["answer"]) for row in rows}
    statements = {}
    for row in rows:
        question = row["question"]
        answers = wrong.draw(question, right[question], params.wrong_answers, rng)
        copies = dict.fromkeys(statement(question, answer) for answer in answers)
        statements[statement(question, row["answer"])] = [copy for copy in copies if copy not in true]
    return list(statements.items())
