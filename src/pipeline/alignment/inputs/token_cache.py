"""Stored tokens, memory-mapped: an epoch reads them at the speed of the page cache.

`ImageTokens` and `TextTokens` give single images' and texts' tokens by number; which number stands for which image
or text is decided once, by the order in which they were asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


class ImageTokens:
    """Tokens of images: `places` names shard and row of each image."""

    def __init__(self, folder: Path, places: Sequence[tuple[str, int]]) -> None:
        self._shards = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in sorted({s for s, _ in places})}
        self._places = list(places)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def shape(self) -> tuple[int, int]:
        """Tokens per image and their width."""
        return next(iter(self._shards.values())).shape[2:]

    def views(self, number: int) -> int:
        """How many views of an image are stored."""
        return self._shards[self._places[number][0]].shape[1]

    def get(self, numbers: Sequence[int], views: Sequence[int], draws: object = None) -> Tensor:
        """Tokens [N, T, D] float16 of images, each in the view asked for; nothing else about them is random."""
        return torch.from_numpy(np.stack([self._row(n)[v] for n, v in zip(numbers, views, strict=True)]))

    def _row(self, number: int) -> np.ndarray:
        shard, row = self._places[number]
        return self._shards[shard][row]


class TextTokens:
    """Tokens of texts. `shards` names, for each stored shard, its distinct texts in order."""

    def __init__(self, folder: Path, shards: dict[str, list[str]]) -> None:
        self._tokens, self._bounds = {}, {}
        self._places: list[tuple[str, int]] = []
        self.number: dict[str, int] = {}
        for name, texts in shards.items():
            self._tokens[name] = np.load(folder / f"{name}.npy", mmap_mode="r")
            self._bounds[name] = np.load(folder / f"{name}-offsets.npy")
            for row, text in enumerate(texts):
                if text not in self.number:
                    self.number[text] = len(self._places)
                    self._places.append((name, row))
        lengths = {name: np.diff(bounds) for name, bounds in self._bounds.items()}
        self.lengths = np.array([lengths[name][row] for name, row in self._places], dtype=np.int64)

    @property
    def dim(self) -> int:
        """Width of a token."""
        return next(iter(self._tokens.values())).shape[1]

    def get(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Tokens [N, L, D] float16, padded with zeros to the longest, and mask [N, L] bool."""
        lengths = self.lengths[np.asarray(numbers, dtype=np.int64)]
        tokens = np.zeros((len(numbers), int(lengths.max(initial=0)), self.dim), np.float16)
        for row, number in enumerate(numbers):
            name, place = self._places[number]
            start, end = self._bounds[name][place : place + 2]
            tokens[row, : end - start] = self._tokens[name][start:end]
        mask = np.arange(tokens.shape[1])[None, :] < lengths[:, None]
        return torch.from_numpy(tokens), torch.from_numpy(mask)
