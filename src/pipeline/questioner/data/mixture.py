"""Several data sets in one training.

VALOR draws each update from one data set, with a probability in proportion to its weight (`one_per_update`). With
`mixed` each update takes a fixed share of its images from every data set, in proportion to the weights, rounded so
that the batch is full (largest remainders). The images of a mixed batch are spread evenly over it, so micro-batches and
processes get like shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.questioner.data.dataset import Samples
from pipeline.questioner.data.image_inputs import ImageInputs
from pipeline.questioner.data.params import Mixing, SampleParams
from pipeline.questioner.data.sampler import DrawnImage, Sampler

CHOICE = 1
"""Tells the random stream of the choice of a data set from the samplers'."""


@dataclass(frozen=True)
class DataSet:
    """Samples with the inputs of their images. weight: relative to the other data sets; where: names it in errors."""

    samples: Samples
    images: ImageInputs
    where: object
    weight: float = 1.0


class Mixture:
    """Draws batches from data sets: a pure function of seed and step. Raises UserError if a data set has no sample."""

    def __init__(
        self,
        data_sets: Sequence[DataSet],
        params: SampleParams,
        batch_size: int,
        seed: int,
        mixing: Mixing = "one_per_update",
    ) -> None:
        self.data_sets, self.batch_size, self.seed, self.mixing = data_sets, batch_size, seed, mixing
        weights = np.array([data_set.weight for data_set in data_sets])
        self.shares = weights / weights.sum()
        counts = [batch_size] * len(data_sets) if mixing == "one_per_update" else rounded(self.shares * batch_size)
        # Each data set has a stream of its own; a single one has the training's.
        self.samplers = [
            Sampler(data_set.samples, params, count, seed + number, data_set.where)
            for number, (data_set, count) in enumerate(zip(data_sets, counts, strict=True))
        ]

    def batch(self, step: int) -> list[DrawnImage]:
        """The images of an update, each with the number of its data set; positions count over the whole batch."""
        if len(self.samplers) == 1:
            return self.samplers[0].batch(step)
        if self.mixing == "one_per_update":
            number = int(np.random.default_rng([self.seed, step, CHOICE]).choice(len(self.samplers), p=self.shares))
            return self.drawn(number, step)
        parts = [self.drawn(number, step) for number, sampler in enumerate(self.samplers) if sampler.batch_size]
        spread = [((place + 0.5) / len(part), item) for part in parts for place, item in enumerate(part)]
        ordered = [item for _, item in sorted(spread, key=lambda placed: placed[0])]
        return [replace(item, position=position) for position, item in enumerate(ordered)]

    def drawn(self, number: int, step: int) -> list[DrawnImage]:
        """The images that one data set gives."""
        return [replace(item, data_set=number) for item in self.samplers[number].batch(step)]

    def fixed(self, count: int) -> list[DrawnImage]:
        """The first images of every data set, `count` each: for validation."""
        return [
            replace(item, data_set=number)
            for number, sampler in enumerate(self.samplers)
            for item in sampler.fixed(count)
        ]


def rounded(shares: np.ndarray) -> list[int]:
    """Whole numbers near `shares` with the same sum: rounded down, then the largest remainders rounded up.

    >>> rounded(np.array([1.5, 1.5, 1.0]))
    [2, 1, 1]
    """
    counts = np.floor(shares + 1e-9).astype(int)
    missing = round(float(shares.sum())) - int(counts.sum())
    counts[np.argsort(counts - shares, kind="stable")[:missing]] += 1
    return counts.tolist()
