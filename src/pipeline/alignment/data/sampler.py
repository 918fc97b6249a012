"""Which samples make up a batch, and what is drawn for each: pure functions of the seed and the position.

Positions count samples over the whole training. Each epoch is one permutation of the images, so position p is image
permutation(epoch)[p mod n]. Everything random about a sample comes from a generator seeded by its position, so
neither the size of a micro-batch nor the number of processes changes what is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ORDER, DRAWS = 3, 4
"""Random streams of the epochs' permutations and of the samples."""


@dataclass(frozen=True)
class Sample:
    """One image at one position of the training."""

    image: int
    position: int


class Sampler:
    """Shuffled epochs over `images` images."""

    def __init__(self, images: int, batch_size: int, seed: int) -> None:
        self._images, self._batch, self._seed = images, batch_size, seed
        self._epoch, self._order = -1, np.zeros(0, dtype=np.int64)

    def batch(self, step: int) -> list[Sample]:
        """The samples of one update."""
        first = step * self._batch
        return [Sample(self._at(position), position) for position in range(first, first + self._batch)]

    def draws(self, sample: Sample) -> np.random.Generator:
        """The generator of one sample."""
        return np.random.default_rng([self._seed, DRAWS, sample.position])

    def _at(self, position: int) -> int:
        epoch, index = divmod(position, self._images)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.random.default_rng([self._seed, ORDER, epoch]).permutation(self._images)
        return int(self._order[index])
