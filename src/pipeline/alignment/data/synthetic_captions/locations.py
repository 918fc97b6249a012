"""Where in the image a box lies, in words: "on the left", "at the bottom"."""

from __future__ import annotations

import re

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


def with_location(phrase: str, box: Box | None) -> str:
    """A noun phrase with a location phrase behind it; a sentence, or a phrase without a small box, stays as it is."""
    if box is None or _SENTENCE.search(phrase) or max(box[2] - box[0], box[3] - box[1]) > LARGEST_SIDE:
        return phrase
    column, row = (min(int(3 * (low + high) / 2), 2) for low, high in ((box[0], box[2]), (box[1], box[3])))
    return f"{phrase} {LOCATIONS[row][column]}"
