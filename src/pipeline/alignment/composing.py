"""Composed texts: several region captions and statements of one image, joined as a caption would join them.

A box says more than its caption does: where in the picture it lies ("a red car on the left"), and how it lies to
another box ("a red car left of a tree"). Some captions in composed texts say so. Only what is plain is said: a box
as large as the picture has no place, and boxes that overlap along both axes have no relation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pipeline.alignment.params import ContrastiveParams

Box = tuple[float, float, float, float]
PLACES = (
    ("in the top left", "at the top", "in the top right"),
    ("on the left", "in the center", "on the right"),
    ("in the bottom left", "at the bottom", "in the bottom right"),
)
"""Where the centre of a box lies: rows from above, then columns from the left."""
LARGEST_PLACED = 0.6
"""A box with a longer side lies everywhere."""
_SENTENCE = re.compile(r" (?:is|are) ")


def composed(
    regions: Sequence[tuple[Box, str]], statements: Sequence[str], params: ContrastiveParams, rng: np.random.Generator
) -> list[str]:
    """Distinct composed texts of one image; none if there is nothing to compose, or no text is to be composed."""
    boxes: dict[str, Box | None] = {}
    for box, phrase in regions:
        boxes.setdefault(phrase, box)
    for right in statements:
        boxes.setdefault(right, None)
    parts = list(boxes)
    if not parts or params.composed_share == 0.0:
        return []
    found = []
    for _ in range(params.composed_texts):
        most = min(params.composed_parts, len(parts))
        chosen = [parts[index] for index in rng.permutation(len(parts))[: int(rng.integers(1, most + 1))]]
        found.append(joined(with_boxes([(part, boxes[part]) for part in chosen], params, rng)))
    return list(dict.fromkeys(found))


def with_boxes(
    parts: Sequence[tuple[str, Box | None]], params: ContrastiveParams, rng: np.random.Generator
) -> list[str]:
    """The parts' words; some say their box's place, and the first two may say how their boxes lie to each other."""
    says_relation = rng.random() < params.relation_share
    says_place = rng.random(len(parts)) < params.place_share
    if says_relation and len(parts) > 1 and (related := relation(parts[0], parts[1])):
        return [related, *(phrase for phrase, _ in parts[2:])]
    return [placed(*part) if says else part[0] for part, says in zip(parts, says_place, strict=True)]


def placed(phrase: str, box: Box | None) -> str:
    """A noun phrase with the place of its box behind it; a sentence, or what has no place, stays as it is."""
    if box is None or _SENTENCE.search(phrase) or max(box[2] - box[0], box[3] - box[1]) > LARGEST_PLACED:
        return phrase
    column, row = (min(int(3 * (low + high) / 2), 2) for low, high in ((box[0], box[2]), (box[1], box[3])))
    return f"{phrase} {PLACES[row][column]}"


def relation(first: tuple[str, Box | None], second: tuple[str, Box | None]) -> str | None:
    """ "a left of b" for two noun phrases whose boxes lie apart, by the axis along which they do most; else None."""
    (phrase, box), (other_phrase, other) = first, second
    if box is None or other is None or _SENTENCE.search(phrase) or _SENTENCE.search(other_phrase):
        return None
    gaps = {
        "left of": other[0] - box[2],
        "right of": box[0] - other[2],
        "above": other[1] - box[3],
        "below": box[1] - other[3],
    }
    plainest = max(gaps, key=lambda name: gaps[name])
    return f"{phrase} {plainest} {other_phrase}" if gaps[plainest] >= 0 else None


def joined(parts: Sequence[str]) -> str:
    """ "a, b and c" of its parts; one part alone stays as it is."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
