"""Where image tokens come from: the encoder, with or without the box drawn into the picture.

A frozen encoder runs once over all images and its tokens are kept in memory; a trained one runs in every update,
from 8-bit pixels that are kept in memory while they fit.

The region cue `pixel` (JADE, `generate_indicator`): each pixel gets a learned vector of three numbers, one for inside
the box, one for outside. JADE adds a patch convolution of these vectors to the patch embedding; here they are added
to the normalised pixels, so the encoder's own first convolution is that convolution, and any encoder will do. The
encoder then runs once for each box.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.questioner.region import TokenGrid, coverage, widened
from pipeline.storage.shards import ImageShards

LARGEST_IN_MEMORY = 4 << 30
IMAGES_PER_PASS = 64


def token_grid(encoder: ImageEncoder) -> TokenGrid:
    """Where the encoder's tokens lie."""
    return TokenGrid(*encoder.grid, prefix=encoder.prefix_tokens)


class PixelCue(nn.Module):
    """Boxes drawn into normalised pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.Parameter(torch.zeros(3).normal_(std=0.02))
        self.outside = nn.Parameter(torch.zeros(3).normal_(std=0.02))

    def forward(self, pixels: Tensor, boxes: Tensor) -> Tensor:
        """Pictures [R,3,S,S] with each one's box [R,4] (fractions) marked."""
        side = pixels.shape[-1]
        share = coverage(widened(boxes), TokenGrid(side, side).cells().to(pixels)).reshape(-1, 1, side, side)
        inside, outside = (vector[None, :, None, None] for vector in (self.inside, self.outside))
        return pixels + share * inside + (1 - share) * outside


class PixelStore:
    """8-bit pixels of images by number, kept in memory if all of them fit."""

    def __init__(self, shards: ImageShards, keys: Sequence[str], preprocessing: Preprocessing) -> None:
        self.shards, self.keys, self.preprocessing = shards, keys, preprocessing
        size = preprocessing.size
        self.kept: dict[int, np.ndarray] | None = {} if len(keys) * size * size * 3 <= LARGEST_IN_MEMORY else None

    def __getitem__(self, images: Sequence[int]) -> np.ndarray:
        """Pixels uint8 [len(images),S,S,3]. Raises UserError for a damaged image."""
        return np.stack([self._one(image) for image in images])

    def _one(self, image: int) -> np.ndarray:
        if self.kept is not None and image in self.kept:
            return self.kept[image]
        key = self.keys[image]
        pixels = self.preprocessing.decode(self.shards.jpeg(key), where=f"{self.shards.folder}: {key}")
        if self.kept is not None:
            self.kept[image] = pixels
        return pixels


def all_tokens(encoder: ImageEncoder, store: PixelStore, device: torch.device) -> Tensor | None:
    """Tokens of all images of a store, float32 [I,N,W] on the CPU; None if they do not fit into memory."""
    if 4 * len(store.keys) * token_grid(encoder).tokens * encoder.dim > LARGEST_IN_MEMORY:
        return None
    return chosen_tokens(encoder, store, range(len(store.keys)), device)


@torch.no_grad()
def chosen_tokens(encoder: ImageEncoder, store: PixelStore, images: Sequence[int], device: torch.device) -> Tensor:
    """Tokens of images of a store by number, float32 [I,N,W] on the CPU."""
    encoder.to(device).eval()
    parts = [
        encoder(normalised(encoder, store[images[start : start + IMAGES_PER_PASS]], device)).float().cpu()
        for start in range(0, len(images), IMAGES_PER_PASS)
    ]
    return torch.cat(parts) if parts else torch.zeros(0, token_grid(encoder).tokens, encoder.dim)


def normalised(encoder: ImageEncoder, pixels: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """Encoder input of 8-bit pixels [B,S,S,3], in the precision of its weights."""
    precision = next((parameter.dtype for parameter in encoder.parameters()), torch.float32)
    return encoder.preprocessing.normalise(torch.as_tensor(pixels).to(device)).to(precision)
