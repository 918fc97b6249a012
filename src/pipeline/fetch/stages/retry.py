"""Addresses that failed, tried once more: what comes is added as new shards.

Everything in `data/pairs/` stays as it is, linked into the new folder. The rows of `failures.parquet` with the reasons
asked for are cut into pieces, by source and split, and fetched like those of a list. Manifest and failures are then
those of before with the new rows in place of the old ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core.errors import UserError
from pipeline.core.files import existing_file, link_or_copy, remove
from pipeline.fetch.captions.crawl import CrawlUrls
from pipeline.fetch.captions.url_list import Piece, Row, write_piece
from pipeline.fetch.packing.decontaminate import read_benchmarks
from pipeline.fetch.packing.leave_out import Unwanted
from pipeline.fetch.packing.merge import FAILURES_FILE, merge_failures, number_of
from pipeline.fetch.packing.units import Unit, pack_sources
from pipeline.fetch.stages.pairs import counts
from pipeline.fetch.stages.pairs_params import FetchPairsParams
from pipeline.fetch.web.reasons import Reason
from pipeline.storage.shards import MANIFEST_FILE
from pipeline.tables.pairs import DROPPED, MANIFEST
from pipeline.tables.urls import FAILURES

DROPPED_FILE = "dropped.parquet"
OPTION = "--retry-failed"
ROWS_PER_SHARD = 10_000


def retry_failed(params: FetchPairsParams, asked: str, root: Path, into: Path, scratch: Path) -> dict[str, Any]:
    """Try failed addresses again; writes the whole of `data/pairs/` into `into`, and returns the counts.

    asked: reasons, with commas between them. Raises UserError for an unknown reason, and
    if no address failed for one of them.
    """
    reasons, before = parsed_reasons(asked), root / "data" / "pairs"
    fix = "run the stage without the option first"
    existing_file(before / FAILURES_FILE, "No address has failed yet.", "a table of failures", fix)
    crawl = CrawlUrls(params.image_format, params.filters, params.web)
    pieces = scratch / "urls" / "retried"
    remove(pieces)
    units = list(retried_units(crawl, failed(before, reasons), pieces))
    if not units:
        raise UserError("No address failed for these reasons.", where=OPTION, found=", ".join(sorted(reasons)))
    into.mkdir(parents=True, exist_ok=True)
    for file in before.iterdir():
        if file.name not in (MANIFEST_FILE, DROPPED_FILE, FAILURES_FILE):
            link_or_copy(file, into / file.name)
    old = MANIFEST.read(before / MANIFEST_FILE)
    first = 1 + max(map(number_of, old["shard"].unique().to_pylist()))
    unwanted = Unwanted(read_benchmarks(root, params.benchmark_distance), params.duplicate_distance, earlier=old)
    packed = pack_sources(units, into, scratch, first, unwanted)
    again = FAILURES.read(into / FAILURES_FILE)
    others = failed(before, set(Reason) - reasons)
    failures = merge_failures(chain(others, [again]), into / FAILURES_FILE)
    manifest = pa.concat_tables([old, packed.manifest])
    dropped = pa.concat_tables([DROPPED.read(before / DROPPED_FILE), packed.dropped])
    MANIFEST.write(into / MANIFEST_FILE, manifest)
    DROPPED.write(into / DROPPED_FILE, dropped)
    return counts(manifest, dropped, failures)


def parsed_reasons(asked: str) -> set[Reason]:
    """The reasons that a list with commas names. Raises UserError for an unknown one."""
    names = {name.strip() for name in asked.split(",")}
    if unknown := sorted(names - set(Reason)):
        raise UserError("A reason is unknown.", where=OPTION, expected=", ".join(Reason), found=", ".join(unknown))
    return {Reason(name) for name in names}


def failed(folder: Path, reasons: Collection[Reason]) -> Iterator[pa.Table]:
    """The rows of the folder's failures with these reasons, a few thousand at a time."""
    with pq.ParquetFile(folder / FAILURES_FILE) as file:
        for batch in file.iter_batches(ROWS_PER_SHARD):
            rows = pa.Table.from_batches([batch]).cast(FAILURES.schema)
            yield rows.filter(pc.field("reason").isin(sorted(reasons)))


def retried_units(crawl: CrawlUrls, failures: Iterable[pa.Table], folder: Path) -> Iterator[Unit]:
    """Units of at most ROWS_PER_SHARD failed rows each, of one source, split and number of runs."""
    waiting: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
    number = 0
    for table in failures:
        for row in table.to_pylist():
            group = (row["source"], row["split"], row["runs"] + 1)
            waiting[group].append(Row(int(row["key"].rpartition("-")[2]), row["url"], row["caption"], ""))
            if len(waiting[group]) == ROWS_PER_SHARD:
                yield retried_unit(crawl, group, write_piece(waiting.pop(group), folder, number))
                number += 1
    for group, rows in waiting.items():
        yield retried_unit(crawl, group, write_piece(rows, folder, number))
        number += 1


def retried_unit(crawl: CrawlUrls, group: tuple[str, str, int], piece: Piece) -> Unit:
    """The unit of one piece of failed rows."""
    source, split, runs = group
    return crawl.unit(piece, source, split, f"{OPTION}: {source}", runs)
