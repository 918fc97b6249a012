"""Boxes in pixels as fractions of their image."""

from __future__ import annotations

FULL_IMAGE = [0.0, 0.0, 1.0, 1.0]


def fraction_box(
    left: float, top: float, width: float, height: float, image_width: float, image_height: float
) -> list[float] | None:
    """`x1, y1, x2, y2` in [0, 1], clipped to the image; None if nothing of the box lies inside.

    Visual Genome has boxes with negative corners and such that reach over the border; both are clipped.
    """
    if image_width <= 0 or image_height <= 0:
        return None
    x1, x2 = (min(max(x / image_width, 0.0), 1.0) for x in (left, left + width))
    y1, y2 = (min(max(y / image_height, 0.0), 1.0) for y in (top, top + height))
    return [x1, y1, x2, y2] if x1 < x2 and y1 < y2 else None
