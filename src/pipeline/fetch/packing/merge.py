"""The rows of all shards as one table, in which no key may come twice.

A list may have millions of rows, so none of them becomes a Python object. An image takes 300 bytes in Arrow's columns
(with an address and a caption of 70 characters each), and 900 at the peak, while keys are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core.errors import UserError
from pipeline.core.files import atomic_path, read_json
from pipeline.fetch.packing.dropped import value_counts
from pipeline.fetch.packing.pack import Turned
from pipeline.tables.pairs import DROPPED, MANIFEST
from pipeline.tables.urls import FAILURES

FAILURES_FILE = "failures.parquet"


def merge_manifests(rows: Path, origins: Mapping[int, str]) -> pa.Table:
    """All manifest rows below `rows`, in the order of the shards' numbers.

    `origins` says where the shard of each number came from. Raises UserError naming two origins that share a key.
    """
    files = sorted(rows.glob("manifest-*.parquet"))
    manifest = pa.concat_tables([MANIFEST.schema.empty_table(), *map(MANIFEST.read, files)])
    counts = manifest.group_by("key").aggregate([("shard", "count")])
    repeated = counts.filter(pc.field("shard_count") > 1)["key"]
    if len(repeated):
        first, second, *_ = manifest.filter(pc.field("key") == repeated[0])["shard"].to_pylist()
        raise UserError(
            "Two images have one key.",
            where=f"{origins[number_of(first)]} and {origins[number_of(second)]}",
            expected="each key once",
            found=f"key {repeated[0].as_py()!r} twice",
            fix="set `shard_in_key: true` for this source, if the keys of each shard start anew; "
            "else remove one of the two",
        )
    del counts
    columns = manifest.columns
    del manifest
    # A column at a time, each in place of its parts: memory holds only one column twice.
    for number in range(len(columns)):
        columns[number] = pa.table([columns[number]], names=["column"]).combine_chunks().column(0)
    return pa.table(columns, schema=MANIFEST.schema)


def merge_dropped(rows: Path) -> pa.Table:
    """All dropped rows below `rows`, in the order of the shards' numbers."""
    parts = [DROPPED.read(path) for path in sorted(rows.glob("dropped-*.parquet"))]
    return pa.concat_tables([DROPPED.schema.empty_table(), *parts])


def merge_turned(rows: Path) -> dict[str, Turned]:
    """All images that were turned upright, by key."""
    files = [read_json(path) for path in sorted(rows.glob("turned-*.json"))]
    return {key: Turned(**fields) for file in files for key, fields in file.items()}


def merge_failures(tables: Iterable[pa.Table], into: Path) -> dict[str, int]:
    """Write tables of failures into one file, a table at a time; returns the number of rows by reason."""
    counts: Counter[str] = Counter()
    with atomic_path(into) as target, pq.ParquetWriter(target, FAILURES.schema, compression="zstd") as writer:
        for rows in tables:
            counts.update(value_counts(rows["reason"]))
            writer.write_table(rows)
    return dict(sorted(counts.items()))


def number_of(shard: str) -> int:
    """The number in a shard's name: 7 for `train-00007`."""
    return int(shard.rpartition("-")[2])


def repeated_images(manifest: pa.Table) -> int:
    """How many rows hold an image whose bytes another row has already."""
    distinct = manifest.select(["sha256"]).group_by([]).aggregate([("sha256", "count_distinct")])
    return manifest.num_rows - distinct["sha256_count_distinct"][0].as_py()
