"""Hypercolumns: each token of the last map, joined with what an earlier block gives at its place.

What is small in a picture shows in the earlier, finer maps of a convolutional network, and is gone from the last one.
The earlier map is averaged to the last one's grid, so there are no more tokens than before, and layer-normalised,
since its scale is another.

Source: Hariharan et al. 2015 (there the coarser map is sampled up instead).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def hypercolumn(last: Tensor, earlier: Tensor) -> Tensor:
    """Maps [B, D, H, W] and [B, C, H', W'] as one, [B, D + C, H, W]; or tokens [B, N, D] and [B, N, C] as one."""
    if last.ndim == 3:
        return torch.cat([last, functional.layer_norm(earlier, earlier.shape[-1:]).to(last.dtype)], dim=-1)
    places = functional.adaptive_avg_pool2d(earlier, (last.shape[-2], last.shape[-1])).movedim(1, -1)
    normal = functional.layer_norm(places, places.shape[-1:]).to(last.dtype).movedim(-1, 1)
    return torch.cat([last, normal], dim=1)
