"""A box as weights over an image's tokens: RoI pooling as one matrix product.

Each token stands for one cell of the grid. A token's weight is the area of its cell that the box covers, divided by
the area of the whole box, so the pooled vector is the mean over the box as if the feature map were constant inside
each cell (RoIAlign with exact integration: Jiang et al. 2018, "precise RoI pooling", for constant cells).

The questioner pools boxes in the same way (`questioner/model/region_prompt.py`), but on the device, in float32, and
with sides of at least one 224th, the step in which its prompts write coordinates. Here boxes are pooled while batches
are collated, in float64.
"""

from __future__ import annotations

import numpy as np

SMALLEST_SIDE = 0.001


def box_weights(boxes: np.ndarray, grid: tuple[int, int], prefix: int) -> np.ndarray:
    """Weights [R, prefix + rows·columns] float32, each row summing to 1; class tokens in front weigh 0.

    boxes: [R, 4] as x1, y1, x2, y2 in fractions of the image. A box thinner than 1/1000 counts as that thin.
    """
    rows, columns = grid
    across = _covered(boxes[:, 0], boxes[:, 2], columns)
    down = _covered(boxes[:, 1], boxes[:, 3], rows)
    cells = (down[:, :, None] * across[:, None, :]).reshape(len(boxes), rows * columns)
    cells /= cells.sum(axis=1, keepdims=True)
    return np.pad(cells, ((0, 0), (prefix, 0))).astype(np.float32)


def mirrored(boxes: np.ndarray) -> np.ndarray:
    """The boxes [R, 4] in the mirrored image."""
    return np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], axis=1)


def _covered(low: np.ndarray, high: np.ndarray, cells: int) -> np.ndarray:
    """[R, cells]: length of each cell that lies between low and high."""
    low = np.clip(low, 0.0, 1 - SMALLEST_SIDE)
    high = np.clip(high, low + SMALLEST_SIDE, 1.0)
    edges = np.arange(cells + 1) / cells
    return np.clip(np.minimum(high[:, None], edges[None, 1:]) - np.maximum(low[:, None], edges[None, :-1]), 0.0, None)
