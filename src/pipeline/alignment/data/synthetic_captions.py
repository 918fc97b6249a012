"""Composed texts: several region captions and statements of one image, joined as a caption would join them.

A region caption knows its box, so some of them also say where in the picture it lies ("a red car on the left"). A
box nearly as large as the picture has no place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pipeline.alignment.params import ContrastiveParams
from pipeline.storage.boxes import Box

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
