"""Which texts describe a training image: captions, composed texts, region phrases and statements.

An alt-text says little, and not always the truth; region captions and answered questions say much about one
thing each. Two ways bring them in:

- as *composed texts*: several region captions and statements of one image, in random order, joined as a caption
  would join them; some of the captions also say where in the picture their box lies ("a red car on the left"). They
  stand in for full captions in the contrastive loss;
- alone, in losses of their own: regions against phrases, and right against wrong answers.

Everything is drawn from generators seeded by (seed, purpose, image), so texts are known, and can be encoded,
before training begins.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.alignment.params import ContrastiveParams, QuestionParams
from pipeline.alignment.statements import WrongAnswers, statement

Box = tuple[float, float, float, float]
COMPOSING, ANSWERING = 1, 2
PLACES = (
    ("in the top left", "at the top", "in the top right"),
    ("on the left", "in the center", "on the right"),
    ("in the bottom left", "at the bottom", "in the bottom right"),
)
"""Where the centre of a box lies: rows from above, then columns from the left."""
LARGEST_PLACED = 0.6
"""A box with a longer side lies everywhere."""
_SENTENCE = re.compile(r" (?:is|are) ")


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
        found.composed = _composed(found, contrastive, np.random.default_rng([seed, COMPOSING, number]))
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


def _composed(texts: ImageTexts, params: ContrastiveParams, rng: np.random.Generator) -> list[str]:
    boxes: dict[str, Box | None] = {}
    for box, phrase in texts.regions:
        boxes.setdefault(phrase, box)
    for right, _ in texts.questions:
        boxes.setdefault(right, None)
    parts = list(boxes)
    if not parts or params.composed_share == 0.0:
        return []
    found = []
    for _ in range(params.composed_texts):
        most = min(params.composed_parts, len(parts))
        chosen = [parts[index] for index in rng.permutation(len(parts))[: int(rng.integers(1, most + 1))]]
        says_place = rng.random(len(chosen)) < params.place_share
        found.append(
            joined([placed(part, boxes[part]) if says else part for part, says in zip(chosen, says_place, strict=True)])
        )
    return list(dict.fromkeys(found))


def placed(phrase: str, box: Box | None) -> str:
    """A noun phrase with the place of its box behind it; a sentence, or what has no place, stays as it is."""
    if box is None or _SENTENCE.search(phrase) or max(box[2] - box[0], box[3] - box[1]) > LARGEST_PLACED:
        return phrase
    column, row = (min(int(3 * (low + high) / 2), 2) for low, high in ((box[0], box[2]), (box[1], box[3])))
    return f"{phrase} {PLACES[row][column]}"


def joined(parts: Sequence[str]) -> str:
    """ "a, b and c" of its parts; one part alone stays as it is."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
