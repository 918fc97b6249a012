"""Which texts describe a training image: captions, composed texts, region phrases and statements.

An alt-text says little, and not always the truth; region captions and answered questions say much about one
thing each. Two ways bring them in:

- as *composed texts* (`composing.py`), which stand in for full captions in the contrastive loss;
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

from pipeline.alignment.data.statements import WrongAnswers, statement
from pipeline.alignment.data.synthetic_captions import composed
from pipeline.alignment.params import ContrastiveParams, QuestionParams
from pipeline.storage.boxes import Box

COMPOSING, ANSWERING = 1, 2


@dataclass
class ImageTexts:
    """Texts of one image. regions: (box, phrase); questions: (right statement, wrong statements)."""

    captions: list[str]
    composed: list[str] = field(default_factory=list)
    regions: list[tuple[Box, str]] = field(default_factory=list)
    questions: list[tuple[str, list[str]]] = field(default_factory=list)

    def all(self) -> list[str]:
        """Every text, repetitions included."""
        answered = [text for right, wrong in self.questions for text in (right, *wrong)]
        return [*self.captions, *self.composed, *(phrase for _, phrase in self.regions), *answered]


def describe_images(
    captions: Mapping[str, Sequence[str]],
    regions: Sequence[Mapping[str, Any]],
    pairs: Sequence[Mapping[str, Any]],
    contrastive: ContrastiveParams,
    questions: QuestionParams,
    seed: int,
) -> dict[str, ImageTexts]:
    """Texts by image key.

    captions: by key, in the order of the images; regions: rows with key, box, caption; pairs: rows with key, box,
    region_caption, question, answer. Rows of other images are ignored.
    """
    by_image = _grouped(regions, captions)
    asked = _grouped(pairs, captions)
    wrong = WrongAnswers([(row["question"], row["answer"]) for key in captions for row in asked[key]])
    texts = {}
    for number, (key, own) in enumerate(captions.items()):
        found = ImageTexts([text for text in own if text.strip()])
        found.regions = [(_box(row), row["caption"]) for row in by_image[key]]
        found.questions = _statements(asked[key], wrong, questions, np.random.default_rng([seed, ANSWERING, number]))
        statements = [right for right, _ in found.questions]
        rng = np.random.default_rng([seed, COMPOSING, number])
        found.composed = composed(found.regions, statements, contrastive, rng)
        texts[key] = found
    return texts


def _grouped(rows: Sequence[Mapping[str, Any]], keys: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["key"] in keys:
            found[row["key"]].append(row)
    return found


def _box(row: Mapping[str, Any]) -> Box:
    x1, y1, x2, y2 = row["box"]
    return float(x1), float(y1), float(x2), float(y2)


def _statements(
    rows: Sequence[Mapping[str, Any]], wrong: WrongAnswers, params: QuestionParams, rng: np.random.Generator
) -> list[tuple[str, list[str]]]:
    right: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        right[row["question"]].add(row["answer"].strip().lower())
    found = {}
    for row in rows:
        other = wrong.draw(row["question"], right[row["question"]], params.wrong_answers, rng)
        found[statement(row["question"], row["answer"])] = [statement(row["question"], answer) for answer in other]
    return list(found.items())
