"""Boxes `x1, y1, x2, y2` as fractions of the image: from pixels, to JADE's 224 steps, their area and their overlap."""

from __future__ import annotations

from collections.abc import Sequence

Box = Sequence[float]
"""x1, y1, x2, y2 as fractions of the image."""

FULL_IMAGE: Box = (0.0, 0.0, 1.0, 1.0)

LOCATION_STEPS = 224
"""JADE's resolution of a box: its location tokens, and the pixels of its files, go from 0 to 223."""


def fraction_box(
    left: float, top: float, width: float, height: float, image_width: float, image_height: float
) -> list[float] | None:
    """A box in pixels as `x1, y1, x2, y2` in [0, 1], clipped to the image; None if none of it lies inside.

    Visual Genome has boxes with negative corners and boxes that reach over the border; both are clipped.
    """
    if image_width <= 0 or image_height <= 0:
        return None
    x1, x2 = (min(max(x / image_width, 0.0), 1.0) for x in (left, left + width))
    y1, y2 = (min(max(y / image_height, 0.0), 1.0) for y in (top, top + height))
    return [x1, y1, x2, y2] if x1 < x2 and y1 < y2 else None


def location_steps(box: Box) -> list[int]:
    """The corners in whole steps from 0 to 223. Source: OPT_Questioner, `min(round(c · 224 / size), 223)`."""
    return [max(0, min(round(corner * LOCATION_STEPS), LOCATION_STEPS - 1)) for corner in box]


def area(box: Box) -> float:
    """Area as a fraction of the image; 0 for a box turned inside out."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def intersection_over_union(first: Box, second: Box) -> float:
    """Shared area over joint area, in [0, 1]; 0 if both boxes are empty."""
    corners = (
        max(first[0], second[0]),
        max(first[1], second[1]),
        min(first[2], second[2]),
        min(first[3], second[3]),
    )
    shared = area(corners)
    joint = area(first) + area(second) - shared
    return shared / joint if joint > 0 else 0.0
