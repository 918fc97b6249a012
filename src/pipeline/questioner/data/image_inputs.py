"""The images of a training: tokens of a frozen encoder, computed once, or 8-bit pixels.

A frozen encoder runs once over all images, and its tokens are kept in memory. A trained one, or one into whose images
boxes are drawn, runs in every update, from 8-bit pixels that are kept in memory while they fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.questioner.model.region_prompt import token_grid
from pipeline.questioner.model.vision import normalised
from pipeline.storage.shards import ImageShards

LARGEST_IN_MEMORY = 4 << 30
IMAGES_PER_PASS = 64
IMAGES_FOR_WHITENING = 1_000


class PixelStore:
    """8-bit pixels of images by number, kept in memory if all of them fit."""

    def __init__(self, shards: ImageShards, keys: Sequence[str], preprocessing: Preprocessing) -> None:
        self.shards, self.keys, self.preprocessing = shards, keys, preprocessing
        size = preprocessing.size
        self.kept: dict[int, np.ndarray] | None = {} if len(keys) * size * size * 3 <= LARGEST_IN_MEMORY else None

    def __getitem__(self, images: Sequence[int]) -> np.ndarray:
        """Pixels uint8 [len(images),S,S,3]. Raises UserError for a damaged image."""
        return np.stack([self._pixels(image) for image in images])

    def _pixels(self, image: int) -> np.ndarray:
        if self.kept is not None and image in self.kept:
            return self.kept[image]
        key = self.keys[image]
        pixels = self.preprocessing.decode(self.shards.jpeg(key), where=f"{self.shards.folder}: {key}")
        if self.kept is not None:
            self.kept[image] = pixels
        return pixels


ImageInputs = Tensor | PixelStore
"""All images of a split: their tokens [I,N,W], if the encoder is frozen and they fit into memory, else their pixels."""


def select_images(inputs: ImageInputs, images: Sequence[int]) -> Tensor:
    """Tokens or pixels of some images by number."""
    return inputs[list(images)] if isinstance(inputs, Tensor) else torch.from_numpy(inputs[images])


def image_inputs(encoder: ImageEncoder, store: PixelStore, per_box: bool, device: torch.device) -> ImageInputs:
    """What a training reads of a store's images.

    Tokens, float32 [I,N,W] on the CPU, if the encoder is frozen, does not run `per_box`, and they fit into memory; else
    the pixels.
    """
    frozen = not any(parameter.requires_grad for parameter in encoder.parameters())
    size = 4 * len(store.keys) * token_grid(encoder).tokens * encoder.dim
    if not frozen or per_box or size > LARGEST_IN_MEMORY:
        return store
    return tokens_of(encoder, store, range(len(store.keys)), device)


def tokens_for_whitening(encoder: ImageEncoder, inputs: ImageInputs, device: torch.device) -> Tensor:
    """Tokens [n,W] of at most 1,000 images spread evenly over all of them."""
    count = len(inputs) if isinstance(inputs, Tensor) else len(inputs.keys)
    spread = np.linspace(0, count - 1, min(count, IMAGES_FOR_WHITENING)).astype(int)
    images = np.unique(spread).tolist()
    tokens = inputs[images] if isinstance(inputs, Tensor) else tokens_of(encoder, inputs, images, device)
    return tokens.flatten(0, 1)


def tars_of(inputs: ImageInputs) -> list[Path]:
    """The tars that a training reads; none where tokens stand for the images, all of which were read for them."""
    return [] if isinstance(inputs, Tensor) else inputs.shards.tars(inputs.keys)


@torch.no_grad()
def tokens_of(encoder: ImageEncoder, store: PixelStore, images: Sequence[int], device: torch.device) -> Tensor:
    """Tokens of some images of a store by number, float32 [I,N,W] on the CPU."""
    encoder.to(device).eval()
    parts = [
        encoder(normalised(encoder, store[images[start : start + IMAGES_PER_PASS]], device)).float().cpu()
        for start in range(0, len(images), IMAGES_PER_PASS)
    ]
    return torch.cat(parts) if parts else torch.zeros(0, token_grid(encoder).tokens, encoder.dim)
