"""Reading a manifest shard by shard, finding keys in it, and sorting rows by shard: beside dictionaries and lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.triplets.pairs import write_manifest

from pipeline.core.errors import UserError
from pipeline.tables.pairs import MANIFEST
from pipeline.triplets.by_shard import index, partition, streams
from pipeline.triplets.by_shard.checks import Tally, first_of_each
from pipeline.triplets.by_shard.index import UNKNOWN, ImageIndex
from pipeline.triplets.by_shard.partition import Partition
from pipeline.triplets.by_shard.streams import manifest_shards

SHARDS = {"train-00000": ["b", "a"], "val-00000": ["v"], "train-00001": ["c", "é"]}


def chunked(keys: list[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(keys, pa.string())])


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_a_manifest_comes_shard_by_shard_in_the_order_of_the_tars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(streams, "ROWS", at_once)
    write_manifest(tmp_path, SHARDS)
    path = tmp_path / "manifest.parquet"
    rows = MANIFEST.read(path).to_pylist()
    MANIFEST.write(path, [rows[place] for place in (1, 0, 2, 3, 4)])
    found = {name: rows["key"].to_pylist() for name, rows in manifest_shards(tmp_path, ["key"])}
    assert found == SHARDS and list(found) == list(SHARDS)
    assert [name for name, _ in manifest_shards(tmp_path, [], "train")] == ["train-00000", "train-00001"]
    MANIFEST.write(path, [rows[place] for place in (0, 2, 1, 3, 4)])
    with pytest.raises(UserError, match="do not stand together") as error:
        list(manifest_shards(tmp_path, ["key"]))
    assert error.value.found == "train-00000"


def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        ImageIndex.of(tmp_path)
    write_manifest(tmp_path, {})
    with pytest.raises(UserError, match="holds no image"):
        ImageIndex.of(tmp_path)
    path = tmp_path / "manifest.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match="damaged"):
        ImageIndex.of(tmp_path)


def test_keys_are_found_and_others_are_not(tmp_path: Path) -> None:
    write_manifest(tmp_path, SHARDS)
    images = ImageIndex.of(tmp_path, "train")
    assert images.shards == ("train-00000", "train-00001") and images.smallest == "a" and len(images) == 4
    keys = chunked(["é", "a", None, "v", "a", "b", "c"])
    assert images.find(keys).tolist() == [3, 1, UNKNOWN, UNKNOWN, 1, 0, 2]
    shards = images.shards_of(keys, 3)
    assert shards[[0, 1, 4, 5, 6]].tolist() == [1, 0, 0, 0, 1] and all(2 <= shard < 5 for shard in shards[[2, 3]])
    assert images.find(chunked([])).tolist() == []


def test_two_keys_of_one_digest_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(tmp_path, SHARDS)
    monkeypatch.setattr(index, "key_digests", lambda keys: np.zeros(len(list(keys)), np.uint64))
    with pytest.raises(UserError, match="share one key"):
        ImageIndex.of(tmp_path)


@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 99)), max_size=6), max_size=6), st.integers(1, 8))
@settings(deadline=None)
def test_rows_are_sorted_by_number_and_keep_their_order(
    tmp_path_factory: pytest.TempPathFactory, tables: list[list[tuple[int, int]]], buffered: int
) -> None:
    schema = pa.schema([("value", pa.int64())])
    folder = tmp_path_factory.mktemp("parts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition, "BUFFERED", buffered)
        parts = Partition(folder, schema)
        for rows in tables:
            values = pa.table({"value": pa.array([value for _, value in rows], pa.int64())})
            parts.add(values, np.array([number for number, _ in rows], np.int64))
        for number in range(5):
            expected = [value for rows in tables for of, value in rows if of == number]
            assert parts.take(number)["value"].to_pylist() == expected
            assert parts.take(number).num_rows == 0
    assert not list(folder.iterdir())


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 99))))
def test_of_equal_rows_the_first_is_kept(rows: list[tuple[str, int, int]]) -> None:
    columns = {name: [row[place] for row in rows] for place, name in enumerate(("key", "number", "value"))}
    table = pa.table(columns, schema=pa.schema([("key", pa.string()), ("number", pa.int32()), ("value", pa.float64())]))
    tally, slow = Tally("rows"), {(key, number): float(value) for key, number, value in reversed(rows)}
    found = first_of_each(table, ["key", "number"], "repeated", tally).to_pylist()
    assert {(row["key"], row["number"]): row["value"] for row in found} == slow
    assert len(found) + sum(tally.faults().values()) == len(rows)
