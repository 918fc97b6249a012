"""Cached tokens, memory-mapped: an epoch reads them at the speed of the page cache.

`ImageTokens` and `TextTokens` give the tokens of single images and texts by number. An image's number is its index in
the list of rows, a text's number the order in which it was first named.

Finished shards of tokens are linked into one folder, mapped into memory, and unlinked: mapped files need no name. So
the folder is in use for a moment only, and the processes of one training take turns (`alone_in`): the first computes
the tokens, the others find them in scratch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from pipeline.core.files import remove

BYTES_PER_VALUE = 2
"""Of float16, in which tokens are cached."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Use a folder of scratch that no other process uses meanwhile; it is not there before and afterwards."""
    lock = folder.parent / "locks" / f"{folder.name}-folder.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock, fallback_to_soft=False):
        remove(folder)
        yield
        remove(folder)


class ImageTokens:
    """Tokens (or activations) of images. rows: shard and row of each image."""

    def __init__(self, folder: Path, rows: Sequence[tuple[str, int]]) -> None:
        self._shards = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in sorted({s for s, _ in rows})}
        self._rows = list(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def crops(self, number: int) -> int:
        """How many crops of an image are cached."""
        return self._shards[self._rows[number][0]].shape[1]

    def get(self, numbers: Sequence[int], crops: Sequence[int], rngs: object = None) -> Tensor:
        """Tokens [N, T, D] float16 of images, each in the crop asked for; nothing else about them is random."""
        return torch.from_numpy(np.stack([self._crops(n)[crop] for n, crop in zip(numbers, crops, strict=True)]))

    def _crops(self, number: int) -> np.ndarray:
        shard, row = self._rows[number]
        return self._shards[shard][row]


class TextTokens:
    """Tokens of texts. `shards` names, for each cached shard, its distinct texts in order."""

    def __init__(self, folder: Path, shards: Mapping[str, list[str]]) -> None:
        self._tokens, self._bounds = {}, {}
        self._rows: list[tuple[str, int]] = []
        self.number: dict[str, int] = {}
        for name, texts in shards.items():
            self._tokens[name] = np.load(folder / f"{name}.npy", mmap_mode="r")
            self._bounds[name] = np.load(folder / f"{name}-offsets.npy")
            for row, text in enumerate(texts):
                if text not in self.number:
                    self.number[text] = len(self._rows)
                    self._rows.append((name, row))
        lengths = {name: np.diff(bounds) for name, bounds in self._bounds.items()}
        self.lengths = np.array([lengths[name][row] for name, row in self._rows], dtype=np.int64)

    @property
    def dim(self) -> int:
        """Width of a token."""
        return next(iter(self._tokens.values())).shape[1]

    def get(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Tokens [N, L, D] float16, padded with zeros to the longest, and mask [N, L] bool."""
        lengths = self.lengths[np.asarray(numbers, dtype=np.int64)]
        tokens = np.zeros((len(numbers), int(lengths.max(initial=0)), self.dim), np.float16)
        for index, number in enumerate(numbers):
            name, row = self._rows[number]
            start, end = self._bounds[name][row : row + 2]
            tokens[index, : end - start] = self._tokens[name][start:end]
        mask = np.arange(tokens.shape[1])[None, :] < lengths[:, None]
        return torch.from_numpy(tokens), torch.from_numpy(mask)
