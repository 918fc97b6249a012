"""Imported rows as tables named like the shards of images, whatever the order in which they come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.files import temporary_folder
from pipeline.core.progress import progress
from pipeline.fetch.packing.dropped import REPEATED_ID
from pipeline.tables.table import Table
from pipeline.tables.triplets import KEPT_DC, KEPT_QA, SPLIT
from pipeline.triplets.by_shard.checks import first_of_each
from pipeline.triplets.by_shard.index import UNKNOWN, key_digests
from pipeline.triplets.by_shard.partition import Partition
from pipeline.triplets.by_shard.streams import manifest_shards
from pipeline.triplets.formats.images import TABLES, Rows, Target


@dataclass(frozen=True)
class Written:
    """How many rows were written, for how many images, and how many images are not among those of the target."""

    qa_rows: int
    caption_rows: int
    images: int
    unknown: int


def write_tables(stream: Iterable[Rows], target: Target, into: Path) -> Written:
    """Write a stream of rows as two tables per shard into the folder `into`, rows in the order of their images.

    Rows of other images are left out; so is, counted as damage, a row whose image has one of its number already.
    """
    index = target.images
    seen, unknown = np.zeros(len(index), bool), [np.empty(0, np.uint64)]
    with temporary_folder(into.with_name(f"{into.name}.parts")) as folder:
        parts = {}
        for table, end in TABLES:
            (folder / end).mkdir()
            parts[table.name] = Partition(folder / end, table.schema)
        with progress("reading triplets: images", len(index)) as tell:
            for rows in stream:
                positions = index.find(pa.chunked_array([pa.array(rows.keys, pa.string())]))
                seen[positions[positions != UNKNOWN]] = True
                others = (key for key, at in zip(rows.keys, positions, strict=True) if at == UNKNOWN)
                unknown.append(np.unique(key_digests(others)))
                for table, part in ((KEPT_QA, rows.qa), (KEPT_DC, rows.captions)):
                    numbers = index.shards_of(part["key"], 1)
                    known = numbers < len(index.shards)
                    parts[table.name].add(part.filter(pa.array(known)), numbers[known])
                tell(int(seen.sum()))
        counts = [write_shards(table, end, parts[table.name], target, into) for table, end in TABLES]
    unknown_images = target.unknown + len(np.unique(np.concatenate(unknown)))
    return Written(counts[0], counts[1], int(seen.sum()), unknown_images)


def write_shards(table: Table, end: str, parts: Partition, target: Target, into: Path) -> int:
    """Write `into/<shard>-<end>.parquet` for every shard; returns the number of rows."""
    count = 0
    with progress(f"writing {table.name}", len(target.images.shards)) as tell:
        for number, (shard, images) in enumerate(manifest_shards(target.pairs, ["key"], SPLIT)):
            rows = parts.take(number).filter(pc.field("key").isin(images["key"]))
            rows = first_of_each(rows, table.key, REPEATED_ID, target.ledger)
            places = {key: place for place, key in enumerate(images["key"].to_pylist())}
            order = np.argsort([places[key] for key in rows["key"].to_pylist()], kind="stable")
            table.write(into / f"{shard}-{end}.parquet", rows.take(order))
            count += rows.num_rows
            tell(number + 1)
    return count
