"""Boxes `x1, y1, x2, y2` as fractions of the image."""

from __future__ import annotations

from collections.abc import Sequence

Box = Sequence[float]


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
