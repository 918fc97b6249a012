"""Synthetic captions: several region captions and statements of one image, joined as a caption would join them.

A region caption knows its box, so some of them also say where in the image it lies ("a red car on the left"). A box
nearly as large as the image lies nowhere in particular.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pipeline.alignment.params import ContrastiveParams
from pipeline.storage.boxes import Box

LOCATIONS = (
    ("in the top left", "at the top", "in the top right"),
    ("on the left", "in the center", "on the right"),
    ("in the bottom left", "at the bottom", "in the bottom right"),
)
"""Phrases by the centre of a box: rows from above, then columns from the left."""
LARGEST_SIDE = 0.6
"""A box with a longer side gets no location phrase."""
_SENTENCE = re.compile(r" (?:is|are) ")


def synthetic_captions(
    regions: Sequence[tuple[Box, str]], statements: Sequence[str], params: ContrastiveParams, rng: np.random.Generator
) -> list[str]:
    """Distinct synthetic captions of one image; none if it has no parts, or if `synthetic_caption_prob` is 0."""
    boxes: dict[str, Box | None] = {}
    for box, phrase in regions:
        boxes.setdefault(phrase, box)
    for right in statements:
        boxes.setdefault(right, None)
    parts = list(boxes)
    if not parts or params.synthetic_caption_prob == 0.0:
        return []
    captions = []
    for _ in range(params.synthetic_captions):
        most = min(params.max_parts, len(parts))
        chosen = [parts[index] for index in rng.permutation(len(parts))[: int(rng.integers(1, most + 1))]]
        located = rng.random(len(chosen)) < params.location_phrase_prob
        phrases = [
            with_location(part, boxes[part]) if says else part for part, says in zip(chosen, located, strict=True)
        ]
        captions.append(joined(phrases))
    return list(dict.fromkeys(captions))


def with_location(phrase: str, box: Box | None) -> str:
    """A noun phrase with a location phrase behind it; a sentence, or a phrase without a small box, stays as it is."""
    if box is None or _SENTENCE.search(phrase) or max(box[2] - box[0], box[3] - box[1]) > LARGEST_SIDE:
        return phrase
    column, row = (min(int(3 * (low + high) / 2), 2) for low, high in ((box[0], box[2]), (box[1], box[3])))
    return f"{phrase} {LOCATIONS[row][column]}"


def joined(parts: Sequence[str]) -> str:
    """ "a, b and c" of its parts; one part alone stays as it is."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
