"""Which data set an update draws from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.questioner import annotated, toy

from pipeline.questioner.data.dataset import read_samples
from pipeline.questioner.data.mixture import DataSet, Mixture, rounded
from pipeline.questioner.data.params import Mixing, SampleParams
from pipeline.questioner.model.build import Limits
from pipeline.storage.shards import ImageShards


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    folder: Path = tmp_path_factory.mktemp("annotations")
    annotated.write_annotations(folder)
    samples = read_samples(folder, ImageShards(folder), "train", toy.prompts(), Limits(30, 30))
    return DataSet(samples, torch.zeros(0), folder)


def mixture(data_set: DataSet, mixing: Mixing, *weights: float) -> Mixture:
    sets = [DataSet(data_set.samples, data_set.images, data_set.where, weight) for weight in weights]
    return Mixture(sets, SampleParams(mask_prob=0.6), 8, 3, mixing)


def test_one_data_set_per_update_in_proportion_to_the_weights(data_set: DataSet):
    mixed = mixture(data_set, "one_per_update", 3.0, 1.0)
    chosen = []
    for step in range(400):
        items = mixed.batch(step)
        assert len(items) == 8 and len({item.data_set for item in items}) == 1
        chosen.append(items[0].data_set)
    assert np.mean(chosen) == pytest.approx(0.25, abs=0.06)
    assert mixed.batch(7) == mixture(data_set, "one_per_update", 3.0, 1.0).batch(7)


def test_fixed_shares_in_every_update_spread_over_the_batch(data_set: DataSet):
    items = mixture(data_set, "mixed", 3.0, 1.0).batch(5)
    assert Counter(item.data_set for item in items) == {0: 6, 1: 2}
    assert [item.position for item in items] == list(range(8))
    for half in (items[:4], items[4:]):
        assert Counter(item.data_set for item in half) == {0: 3, 1: 1}


def test_a_single_data_set_is_drawn_as_without_a_mixture(data_set: DataSet):
    alone = mixture(data_set, "one_per_update", 1.0)
    assert alone.batch(4) == alone.samplers[0].batch(4)


def test_validation_takes_as_many_images_of_each(data_set: DataSet):
    assert Counter(item.data_set for item in mixture(data_set, "mixed", 3.0, 1.0).fixed(2)) == {0: 2, 1: 2}


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=6), st.integers(1, 200))
def test_rounding_keeps_the_sum_and_stays_near(weights: list[float], total: int):
    shares = np.array(weights) / sum(weights) * total
    counts = rounded(shares)
    assert sum(counts) == total
    assert all(abs(count - share) < 1 for count, share in zip(counts, shares, strict=True))
