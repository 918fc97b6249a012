"""Pictures that came several times, against the obvious way and through the whole stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fetch.packing.test_decontaminate import benchmark, pairs

from pipeline.fetch.packing.duplicates import is_duplicate
from pipeline.fetch.stages.pairs import fetch_pairs
from pipeline.storage.shards import ImageShards, stream_shard
from pipeline.tables.pairs import DROPPED

Images = st.lists(st.tuples(st.sampled_from(["train", "val"]), st.integers(0, 5), st.integers(0, 31)), max_size=25)


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")


def table(images: list[tuple[str, int, int]]) -> pa.Table:
    columns = list(zip(*images, strict=True)) or [(), (), ()]
    return pa.table(
        {
            "split": pa.array(columns[0], pa.string()),
            "sha256": pa.array(map(str, columns[1]), pa.string()),
            "phash": pa.array(columns[2], pa.uint64()),
        }
    )


def obvious(images: list[tuple[str, int, int]], distance: int, earlier: list[tuple[str, int, int]]) -> list[bool]:
    standing = [*earlier, *(image for image in images if image[0] != "train")]
    hashes, seen = [phash for _, _, phash in standing], {digest for _, digest, _ in standing}
    verdicts = []
    for split, digest, phash in images:
        again = digest in seen or any((phash ^ other).bit_count() <= distance for other in hashes)
        verdicts.append(split == "train" and again)
        if split == "train":
            seen.add(digest)
            hashes += [] if again else [phash]
    return verdicts


@settings(max_examples=60, deadline=None)
@given(Images, st.integers(0, 3), Images)
def test_duplicates_are_those_of_a_walk_through_all_pairs(images: list, distance: int, earlier: list) -> None:
    assert is_duplicate(table(images), distance, table(earlier)).tolist() == obvious(images, distance, earlier)


def test_later_copies_are_taken_out_of_their_shards(tmp_path: Path) -> None:
    benchmark(tmp_path, [9])
    given = pairs(tmp_path, [[0, 1, 9], [1, 2], [0, 1]], duplicate_distance=4, benchmark_distance=4)
    metrics = fetch_pairs(given, tmp_path, tmp_path / "pairs", tmp_path / "scratch")
    assert metrics["images"] == {"train": 3} and metrics["repeated_images"] == 0
    assert metrics["dropped"] == {"duplicate image": 3, "image in a benchmark": 1}
    shards = ImageShards(tmp_path / "pairs")
    read = [key for shard in shards.shards() for key, _ in stream_shard(shards.path(shard))]
    assert read == ["x-00", "x-01", "x-12"] and [len(shards.jpeg(key)) > 0 for key in read] == [True] * 3
    dropped = DROPPED.read(tmp_path / "pairs/dropped.parquet")
    assert dropped["key"].to_pylist() == ["x-09", "x-11", "x-20", "x-21"]
    assert np.all(dropped["permanent"].to_numpy(zero_copy_only=False))


def test_all_are_kept_unless_asked_otherwise(tmp_path: Path) -> None:
    metrics = fetch_pairs(pairs(tmp_path, [[0, 1], [1]]), tmp_path, tmp_path / "pairs", tmp_path / "scratch")
    assert metrics["images"] == {"train": 3} and metrics["repeated_images"] == 1
