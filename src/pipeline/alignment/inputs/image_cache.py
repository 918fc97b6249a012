"""Cached tokens of images, memory-mapped: an epoch reads them at the speed of the page cache.

Finished shards are linked into one folder, mapped into memory, and unlinked: mapped files need no name. So the folder
is in use for a moment only, and the processes of one training take turns (`alone_in`): the first computes what is
cached, the others find it in scratch.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from pipeline.alignment.inputs.places import Places
from pipeline.core.files import remove

BYTES_PER_VALUE = 2
"""Of float16, in which tokens are cached."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Use a folder of scratch that no other process uses meanwhile; it is not there before and afterwards.

    Each file that stays mapped stays open too, several for each shard, so the limit of open files is raised.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    lock = folder.parent / "locks" / f"{folder.name}-folder.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock, fallback_to_soft=False):
        remove(folder)
        yield
        remove(folder)


class ImageTokens:
    """Tokens (or activations) of images: `folder` has a file `<shard>.npy` [images, crops, …] for every shard."""

    def __init__(self, folder: Path, places: Places) -> None:
        self._places = places
        self._shards = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in places.by_shard()}

    def __len__(self) -> int:
        return len(self._places)

    def crops(self, number: int) -> int:
        """How many crops of an image are cached."""
        return self._crops(number).shape[0]

    def get(self, numbers: Sequence[int], crops: Sequence[int], rngs: object = None) -> Tensor:
        """Tokens [N, T, D] float16 of images, each in the crop asked for; nothing else about them is random."""
        return torch.from_numpy(np.stack([self._crops(n)[crop] for n, crop in zip(numbers, crops, strict=True)]))

    def _crops(self, number: int) -> np.ndarray:
        shard, row = self._places.of(number)
        return self._shards[shard][row]
