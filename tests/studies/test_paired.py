"""Paired differences against the slow obvious bootstrap."""

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.studies.comparison.paired import BOOTSTRAP_SAMPLES, Scores, difference, spread

IMAGES, ITEMS = 30, 90
IMAGE = np.random.default_rng(5).integers(0, IMAGES, ITEMS)


def trainings(seed: int, better: float = 0.0) -> list[Scores]:
    rng = np.random.default_rng(seed)
    return [Scores(IMAGE, rng.normal(50 + better, 20, ITEMS)) for _ in range(3)]


def slow_difference(found: list[Scores], base: list[Scores]) -> tuple[float, float]:
    """Every drawn image brings all its items, of all seeds, one by one."""
    images = sorted(set(IMAGE.tolist()))
    rng = np.random.default_rng([0, len(images)])

    def mean(drawn: list[int]) -> float:
        values = []
        for image in drawn:
            for item in range(ITEMS):
                if IMAGE[item] == image:
                    for one, other in zip(found, base, strict=True):
                        values.append(one.value[item] - other.value[item])
        return sum(values) / len(values)

    drawings = [rng.integers(0, len(images), size=len(images)) for _ in range(BOOTSTRAP_SAMPLES)]
    means = sorted(mean([images[number] for number in numbers]) for numbers in drawings)
    low, high = np.quantile(means, [0.025, 0.975])
    return mean(images), (high - low) / 2


def test_a_difference_is_that_of_the_slow_bootstrap() -> None:
    found, base = trainings(0, better=3), trainings(1)
    mean, half_width = slow_difference(found, base)
    fast = difference(found, base)
    assert fast["mean"] == pytest.approx(mean)
    assert fast["half_width"] == pytest.approx(half_width)


def test_a_spread_is_that_of_the_trainings_means() -> None:
    means = [scores.value.mean() for scores in trainings(2)]
    assert spread(trainings(2)) == {"mean": pytest.approx(np.mean(means)), "std": pytest.approx(np.std(means, ddof=1))}


def test_other_items_are_not_compared() -> None:
    fewer = [Scores(scores.image[:-1], scores.value[:-1]) for scores in trainings(0)]
    with pytest.raises(UserError, match="cannot be compared"):
        difference(trainings(0), fewer)
