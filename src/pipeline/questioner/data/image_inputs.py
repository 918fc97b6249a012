"""The images of a training: what the frozen part of the encoder computes of them, once, or 8-bit pixels.

The frozen part of an encoder runs once over all images, and its output is kept in memory (see `model/vision.py`). An
encoder that is trained as a whole, or into whose images boxes are drawn, runs in every update, from 8-bit pixels that
are kept in memory while they fit.
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
from pipeline.questioner.model.vision import VisionTower, normalised
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
"""All images of a split: what the encoder's frozen part computed of them, [I,…], if it fits into memory, or pixels."""


def select_images(inputs: ImageInputs, images: Sequence[int]) -> Tensor:
    """What a training reads of some images by number."""
    return inputs[list(images)] if isinstance(inputs, Tensor) else torch.from_numpy(inputs[images])


def image_inputs(vision: VisionTower, store: PixelStore, device: torch.device) -> ImageInputs:
    """What a training reads of a store's images.

    The output of the encoder's frozen part, float32 [I,…] on the CPU, if it has one and all of it fits into memory;
    else the pixels.
    """
    if not vision.has_frozen_part:
        return store
    side, count = store.preprocessing.size, len(store.keys)
    with torch.no_grad():
        one = vision.before_cut(torch.zeros(1, side, side, 3, dtype=torch.uint8), device)
    return store if one.nbytes * count > LARGEST_IN_MEMORY else kept_of(vision, store, device, one)


@torch.no_grad()
def kept_of(vision: VisionTower, store: PixelStore, device: torch.device, one: Tensor) -> Tensor:
    """The output of the encoder's frozen part for a store's images, float32 on the CPU; `one` is that of one image."""
    vision.encoder.eval()
    kept = torch.empty(len(store.keys), *one.shape[1:])
    for start in passes(store.keys):
        images = range(start, min(start + IMAGES_PER_PASS, len(store.keys)))
        kept[start : images.stop] = vision.before_cut(store[images], device)
    return kept


def tokens_for_whitening(vision: VisionTower, inputs: ImageInputs, device: torch.device) -> Tensor:
    """Tokens [n,W] of at most 1,000 images spread evenly over all of them."""
    count = len(inputs) if isinstance(inputs, Tensor) else len(inputs.keys)
    spread = np.linspace(0, count - 1, min(count, IMAGES_FOR_WHITENING)).astype(int)
    images = np.unique(spread).tolist()
    if not isinstance(inputs, Tensor):
        return tokens_of(vision.encoder, inputs, images, device).flatten(0, 1)
    with torch.no_grad():
        parts = [vision.encode(inputs[images[start : start + IMAGES_PER_PASS]].to(device)) for start in passes(images)]
    return torch.cat([part.float().cpu() for part in parts]).flatten(0, 1)


def passes(images: Sequence[int] | Sequence[str]) -> range:
    """Where the images of each pass begin."""
    return range(0, len(images), IMAGES_PER_PASS)


def tars_of(inputs: ImageInputs) -> list[Path]:
    """The tars that a training reads; none where the encoder's output is kept, for which all of them were read."""
    return [] if isinstance(inputs, Tensor) else inputs.shards.tars(inputs.keys)


@torch.no_grad()
def tokens_of(encoder: ImageEncoder, store: PixelStore, images: Sequence[int], device: torch.device) -> Tensor:
    """Tokens of some images of a store by number, float32 [I,N,W] on the CPU."""
    encoder.to(device).eval()
    parts = [
        encoder(normalised(encoder, store[images[start : start + IMAGES_PER_PASS]], device)).float().cpu()
        for start in passes(images)
    ]
    return torch.cat(parts) if parts else torch.zeros(0, token_grid(encoder).tokens, encoder.dim)
