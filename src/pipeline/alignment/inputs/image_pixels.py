"""Pixels of the images in the shards, which an encoder that runs along reads.

A training image may be cropped at random, anew each time (`random_crops.py`); the crop is drawn from the sample's own
generator, so it is a function of the seed and the sample's position.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.alignment.inputs.places import Places
from pipeline.alignment.inputs.random_crops import random_crops
from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.storage.shards import ImageShards


class ImagePixels:
    """8-bit pixels of images by number.

    crops: 2 if images may be mirrored, else 1; crop_scale: shares of the area, for images asked for with a generator.
    """

    def __init__(
        self,
        shards: ImageShards,
        places: Places,
        preprocessing: Preprocessing,
        crops: int = 1,
        crop_scale: Sequence[float] | None = None,
    ) -> None:
        self._shards, self._places, self._preprocessing = shards, places, preprocessing
        self._crops, self._crop_scale = crops, crop_scale

    def __len__(self) -> int:
        return len(self._places)

    def crops(self, number: int) -> int:
        """2 if images may be mirrored, else 1."""
        return self._crops

    def get(
        self, numbers: Sequence[int], crops: Sequence[int], rngs: Sequence[np.random.Generator] | None = None
    ) -> Tensor:
        """Pixels [N, S, S, 3] uint8. Raises UserError for an image that cannot be decoded."""
        asked = zip(numbers, crops, rngs or [None] * len(numbers), strict=True)
        return torch.from_numpy(np.stack([self._pixels(number, crop, rng) for number, crop, rng in asked]))

    def _pixels(self, number: int, crop: int, rng: np.random.Generator | None) -> np.ndarray:
        row = int(self._places.rows[number])
        data, where = self._shards.jpeg_at(row), f"{self._shards.folder}: {self._shards.manifest['key'][row]}"
        if rng is None or self._crop_scale is None:
            pixels = self._preprocessing.decode(data, where)
        else:
            (pixels,) = random_crops(data, where, self._preprocessing, self._crop_scale, [rng])
        return pixels[:, ::-1] if crop else pixels
