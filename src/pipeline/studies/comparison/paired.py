"""Trainings side by side: means over the seeds, and paired differences with their intervals, as cells of a table.

A difference is paired: an item's value is its mean over the seeds, the other's value is subtracted from it, and the
95 % interval of the mean comes from a bootstrap that draws whole images (`metrics.retrieval`). The interval covers the
chance in the choice of images; the standard deviations (n - 1 in the denominator) show what another seed would change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.core.errors import UserError
from pipeline.metrics.retrieval import FloatArray, IntArray, bootstrap_half_width

BOOTSTRAP_SAMPLES = 1_000


@dataclass(frozen=True)
class Scores:
    """What one training got: `value` [items] in the measure's unit; `image` [items], the image of each item."""

    image: IntArray
    value: FloatArray


def spread(found: Sequence[Scores]) -> dict[str, float]:
    """Mean and standard deviation of the trainings' means; the deviation of a single one is 0."""
    means = [float(np.mean(scores.value)) for scores in found]
    return {"mean": float(np.mean(means)), "std": float(np.std(means, ddof=1)) if len(means) > 1 else 0.0}


def difference(found: Sequence[Scores], base: Sequence[Scores]) -> dict[str, float]:
    """How much the mean differs from that of `base`, and half the width of its interval.

    Raises UserError if the trainings did not measure the same items.
    """
    image = found[0].image
    if not all(np.array_equal(scores.image, image) for scores in (*found, *base)):
        raise UserError(
            "Trainings of a study cannot be compared item by item.",
            expected="the same held-out items in all of them",
            found=f"{sorted({len(scores.image) for scores in (*found, *base)})} items, or other images",
            fix="run `dvc repro studies/dvc.yaml`, which trains again what is not up to date",
        )
    delta = over_seeds(found) - over_seeds(base)
    half_width = bootstrap_half_width(delta, image, samples=BOOTSTRAP_SAMPLES)
    return {"mean": float(delta.mean()), "half_width": half_width}


def over_seeds(found: Sequence[Scores]) -> FloatArray:
    """[items]: each item's mean over the trainings."""
    return np.mean([scores.value for scores in found], axis=0)


def mean_cell(found: Mapping[str, float]) -> str:
    """A mean with its standard deviation."""
    return f"{found['mean']:.1f} ± {found['std']:.1f}"


def delta(found: Mapping[str, float] | None) -> str:
    """A difference with its interval; `*` marks one that leaves out zero. Nothing where nothing is compared."""
    if found is None:
        return ""
    mark = "*" if abs(found["mean"]) > found["half_width"] else ""
    return f"{found['mean']:+.1f} ± {found['half_width']:.1f}{mark}"


def table(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "".join(f"| {' | '.join(line)} |\n" for line in (titles, ["---"] * len(titles), *lines))
