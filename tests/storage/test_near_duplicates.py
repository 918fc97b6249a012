"""The first of each kind among many hashes, against the obvious way."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.storage.near_duplicates import first_of_kind


def obvious(hashes: list[int], distance: int) -> list[bool]:
    kept: list[int] = []
    verdicts = []
    for value in hashes:
        verdicts.append(all((value ^ other).bit_count() > distance for other in kept))
        if verdicts[-1]:
            kept.append(value)
    return verdicts


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10), st.integers(0, 2**32), st.integers(0, 60))
def test_it_keeps_what_a_walk_through_all_pairs_keeps(distance: int, seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    hashes: list[int] = []
    for _ in range(count):
        # Most are a few bits away from an earlier one, so that chains of like hashes arise.
        start = hashes[int(random.integers(len(hashes)))] if hashes and random.random() < 0.8 else None
        flipped = random.choice(64, int(random.integers(0, distance + 3)), replace=False)
        base = int(random.integers(0, 2**64, dtype=np.uint64)) if start is None else start
        hashes.append(base ^ sum(1 << int(bit) for bit in flipped))
    found = first_of_kind(np.array(hashes, np.uint64), distance)
    assert found.tolist() == obvious(hashes, distance)


def test_of_a_chain_every_other_is_kept() -> None:
    chain = np.array([0b0, 0b1, 0b11, 0b111, 0b1111], np.uint64)
    assert first_of_kind(chain, 1).tolist() == [True, False, True, False, True]


def test_many_equal_hashes_cost_nothing() -> None:
    assert first_of_kind(np.full(1_000_000, 7, np.uint64), 4).sum() == 1
