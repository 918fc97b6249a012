"""The windows of a multi-scale grid.

A level of the grid with `cells` and `overlap` has cells × cells windows of side w = 1 / (cells − (cells − 1) ·
overlap), each w · (1 − overlap) after the last, so that they cover the image exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.triplets.generate.params import GridBoxes, GridLevel


def grid_level(level: GridLevel) -> list[list[float]]:
    """The windows of one scale, row by row, corners as float32 fractions."""
    side = 1 / (level.cells - (level.cells - 1) * level.overlap)
    starts = [number * side * (1 - level.overlap) for number in range(level.cells)]
    return [_rounded([x, y, x + side, y + side]) for y in starts for x in starts]


def grid_boxes(params: GridBoxes) -> list[list[float]]:
    """All windows of all scales, in the order of the levels."""
    return [box for level in params.levels for box in grid_level(level)]


def _rounded(box: Sequence[float]) -> list[float]:
    return [float(np.float32(min(max(corner, 0.0), 1.0))) for corner in box]
