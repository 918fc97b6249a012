"""Image tokens averaged to a coarser grid, so that fewer need to be stored and read."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.encoders.image.encoder import ImageEncoder


def pool_tokens(tokens: Tensor, encoder: ImageEncoder, grid: int | None) -> Tensor:
    """Average the places of image tokens [B, N, D] to grid × grid; class and register tokens stay in front."""
    if grid is None or encoder.grid == (grid, grid):
        return tokens
    prefix = encoder.prefix_tokens
    rows, columns = encoder.grid
    places = tokens[:, prefix:].transpose(1, 2).unflatten(2, (rows, columns))
    pooled = functional.adaptive_avg_pool2d(places, grid).flatten(2).transpose(1, 2)
    return torch.cat([tokens[:, :prefix], pooled], dim=1)


def pooled_grid(encoder: ImageEncoder, grid: int | None) -> tuple[int, int]:
    """Rows and columns of the tokens that `pool_tokens` gives."""
    return encoder.grid if grid is None else (grid, grid)
