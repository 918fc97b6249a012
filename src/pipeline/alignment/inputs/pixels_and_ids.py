"""What trained encoders read: pixels of the images in the shards, and token ids of the texts.

Both follow the protocols of cached tokens (`protocols.py`). A training image may be cropped at random, anew each time
(`random_crops.py`); the crop is drawn from the sample's own generator, so it is a function of the seed and the sample's
position.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.alignment.inputs.random_crops import random_crops
from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.encoders.text.encoder import TextEncoder
from pipeline.storage.shards import ImageShards

TEXTS_AT_ONCE = 1_000


class ImagePixels:
    """8-bit pixels of images by number.

    crops: 2 if images may be mirrored, else 1; crop_scale: shares of the area, for images asked for with a generator.
    """

    def __init__(
        self,
        shards: ImageShards,
        keys: Sequence[str],
        preprocessing: Preprocessing,
        crops: int = 1,
        crop_scale: Sequence[float] | None = None,
    ) -> None:
        self._shards, self._keys, self._preprocessing = shards, keys, preprocessing
        self._crops, self._crop_scale = crops, crop_scale

    def __len__(self) -> int:
        return len(self._keys)

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
        key = self._keys[number]
        data, where = self._shards.jpeg(key), f"{self._shards.folder}: {key}"
        if rng is None or self._crop_scale is None:
            pixels = self._preprocessing.decode(data, where)
        else:
            (pixels,) = random_crops(data, where, self._preprocessing, self._crop_scale, [rng])
        return pixels[:, ::-1] if crop else pixels


class TextIds:
    """Token ids of distinct texts, numbered in order of first appearance, kept in memory."""

    def __init__(self, texts: Iterable[str], encoder: TextEncoder) -> None:
        self.number = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        distinct = list(self.number)
        ids, lengths = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
        for start in range(0, len(distinct), TEXTS_AT_ONCE):
            padded, mask = encoder.tokenize(distinct[start : start + TEXTS_AT_ONCE])
            ids.append(padded[mask.bool()].numpy().astype(np.int32))
            lengths.append(mask.sum(dim=1).numpy())
        self._ids, self.lengths = np.concatenate(ids), np.concatenate(lengths)
        self._bounds = np.cumsum([0, *self.lengths])

    def get(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Ids [N, L] int64, padded with zeros to the longest, and mask [N, L] bool."""
        lengths = self.lengths[np.asarray(numbers)]
        ids = np.zeros((len(numbers), int(lengths.max())), np.int64)
        for row, number in enumerate(numbers):
            start, end = self._bounds[number : number + 2]
            ids[row, : end - start] = self._ids[start:end]
        mask = np.arange(ids.shape[1])[None, :] < lengths[:, None]
        return torch.from_numpy(ids), torch.from_numpy(mask)
