"""The region prompt: how the model knows which region is meant. The parameter `region_prompt` has three values:

    roi_tokens      the box is marked on the image's tokens (`RoiTokens`); one pass of the image encoder per image
    mask_channel    the box is drawn into the image (`MaskChannel`, JADE's indicator); one pass per box
    coordinates     nothing besides the box's corners in the text prompt, which the other two have as well

The encoder's tokens lie on a grid. A box covers each cell to some share in [0, 1]; that share is exact (area of the
overlap over area of the cell), so it is differentiable and needs no resampling. `RoiTokens` marks the box on the
tokens, after the encoder has run, in three ways that follow from the shares:

- every token gets a vector for "inside", mixed with one for "outside" by its share;
- tokens of the box itself are appended: the mean of the image's tokens weighted by their shares, over the box and over
  each of its BINS x BINS parts (RoI pooling by area);
- a vector of its corners is added to each of them, and of each cell's own corners to every token: sines and cosines of
  the corners at rising frequencies (Fourier features, Tancik et al. 2020), mapped linearly.

All of this is linear in the tokens, so it commutes with the projection to keys and values: `RoiTokens` may be given
tokens that were projected once per image, and projects only its own few vectors (`through`).

JADE instead draws the box into the image (`generate_indicator`): each pixel gets a learned vector of three numbers, one
for inside the box, one for outside. JADE adds a patch convolution of these vectors to the patch embedding; here they
are added to the normalised pixels (`MaskChannel`): the encoder's own patch embedding does the job of that convolution,
so any encoder works. The encoder then runs once for each box instead of once per image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.encoders.image.encoder import ImageEncoder

FREQUENCIES = 4
FEATURES = 4 * (1 + 2 * FREQUENCIES)
SMALLEST_SIDE = 1 / 224
BINS = 3
"""Parts of a box along each side that get a token each."""
PROMPT_SCALE = 0.5
"""Initial deviation of the prompt's vectors: tokens have deviation 1, and much weaker vectors are learnt late."""


@dataclass(frozen=True)
class TokenGrid:
    """Locations of an encoder's tokens: `prefix` tokens without one (CLS …), then rows × columns, row by row."""

    rows: int
    columns: int
    prefix: int = 0

    @property
    def tokens(self) -> int:
        """Number of tokens of one image."""
        return self.prefix + self.rows * self.columns

    def cells(self) -> Tensor:
        """Corners of the cells, [rows * columns, 4]."""
        top, left = torch.meshgrid(torch.arange(self.rows), torch.arange(self.columns), indexing="ij")
        scale = torch.tensor([1 / self.columns, 1 / self.rows] * 2)
        return torch.stack([left, top, left + 1, top + 1], dim=-1).flatten(0, 1) * scale

    def corners(self) -> Tensor:
        """Corners of all tokens, [tokens, 4]; a token without a location has the whole image's."""
        whole = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(self.prefix, 4)
        return torch.cat([whole, self.cells()])


def widened(boxes: Tensor) -> Tensor:
    """Boxes [R,4] with corners in order and sides of at least one 224th, inside the image."""
    low = torch.minimum(boxes[:, :2], boxes[:, 2:]).clamp(0, 1 - SMALLEST_SIDE)
    high = torch.maximum(boxes[:, :2], boxes[:, 2:]).clamp(max=1)
    return torch.cat([low, torch.maximum(high, low + SMALLEST_SIDE)], dim=1)


def bins(boxes: Tensor) -> Tensor:
    """Each box [R,4], and its parts on a grid of BINS x BINS, [R, 1 + BINS², 4]."""
    steps = torch.arange(BINS, device=boxes.device, dtype=boxes.dtype) / BINS
    top, left = torch.meshgrid(steps, steps, indexing="ij")
    parts = torch.stack([left, top, left + 1 / BINS, top + 1 / BINS], dim=-1).flatten(0, 1)
    corner, side = boxes[:, None, :2].repeat(1, 1, 2), (boxes[:, None, 2:] - boxes[:, None, :2]).repeat(1, 1, 2)
    return torch.cat([boxes[:, None], corner + side * parts], dim=1)


def coverage(boxes: Tensor, cells: Tensor) -> Tensor:
    """Share of each cell [N,4] that each box [R,4] covers, [R,N]."""
    low = torch.maximum(boxes[:, None, :2], cells[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], cells[None, :, 2:])
    overlap = (high - low).clamp(min=0).prod(dim=-1)
    return overlap / (cells[:, 2:] - cells[:, :2]).prod(dim=-1)


def corner_features(boxes: Tensor) -> Tensor:
    """Corners [R,4] with their sines and cosines at 1, 2, 4, 8 half turns, [R, FEATURES]."""
    turns = 2.0 ** torch.arange(FREQUENCIES, device=boxes.device, dtype=boxes.dtype) * torch.pi
    angles = (boxes[..., None] * turns).flatten(1)
    return torch.cat([boxes, angles.sin(), angles.cos()], dim=1)


class RoiTokens(nn.Module):
    """Marks boxes on image tokens of width D, and appends tokens of the box."""

    cells: Tensor

    def __init__(self, width: int, grid: TokenGrid) -> None:
        super().__init__()
        self.prefix = grid.prefix
        self.register_buffer("cells", grid.cells(), persistent=False)
        self.inside = nn.Parameter(torch.randn(width) * PROMPT_SCALE)
        self.outside = nn.Parameter(torch.randn(width) * PROMPT_SCALE)
        self.token_type = nn.Parameter(torch.randn(1 + BINS**2, width) * PROMPT_SCALE)

    def forward(
        self,
        visual: Tensor,
        image_of_row: Tensor,
        boxes: Tensor,
        box_embedding: nn.Module,
        through: Callable[[Tensor], Tensor] = lambda vectors: vectors,
    ) -> Tensor:
        """Tokens for each row's box, [R, N + 1 + BINS², D]; the last ones are those of the box and of its parts.

        `visual` [I,N,D]; `image_of_row` [R] names each row's image; `boxes` [R,4]; `box_embedding` maps corner
        features to the width of the tokens before `through`. If `visual` went through a linear map (with bias),
        `through` is its matrix alone, and the result is what the map would give of the marked tokens.
        """
        boxes = widened(boxes.to(torch.promote_types(visual.dtype, torch.float32)))
        share = self.shares(boxes)
        rows = visual[image_of_row]
        binned = bins(boxes)
        weights = self.shares(binned.flatten(0, 1)).unflatten(0, binned.shape[:2])
        pooled = weights.to(rows.dtype) @ rows / weights.sum(-1, keepdim=True).to(rows.dtype)
        locations = box_embedding(corner_features(binned.flatten(0, 1))).unflatten(0, binned.shape[:2])
        # In place, in one pass: these are the largest tensors of all.
        mixture = torch.stack([1 - share, share], dim=-1).flatten(0, 1).to(rows.dtype)
        vectors = through(torch.stack([self.outside, self.inside])).to(rows.dtype)
        marked = rows.flatten(0, 1).addmm_(mixture, vectors).view_as(rows)
        return torch.cat([marked, pooled + through(self.token_type + locations)], dim=1)

    def shares(self, boxes: Tensor) -> Tensor:
        """Share of each token's cell [R,N] that each box [R,4] covers; 0 for tokens without a location."""
        share = coverage(boxes, self.cells.to(boxes.dtype))
        return torch.cat([share.new_zeros(len(share), self.prefix), share], dim=1)


def token_grid(encoder: ImageEncoder) -> TokenGrid:
    """Locations of the encoder's tokens."""
    return TokenGrid(*encoder.grid, prefix=encoder.prefix_tokens)


class MaskChannel(nn.Module):
    """Draws boxes into normalised images."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.Parameter(torch.zeros(3).normal_(std=0.02))
        self.outside = nn.Parameter(torch.zeros(3).normal_(std=0.02))

    def forward(self, pixels: Tensor, boxes: Tensor) -> Tensor:
        """Images [R,3,S,S], each with its box [R,4] (fractions) marked."""
        side = pixels.shape[-1]
        share = coverage(widened(boxes), TokenGrid(side, side).cells().to(pixels)).reshape(-1, 1, side, side)
        inside, outside = (vector[None, :, None, None] for vector in (self.inside, self.outside))
        return pixels + share * inside + (1 - share) * outside
