"""Tables read a few thousand rows at a time: any table of a contract, and a manifest shard by shard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.errors import UserError
from pipeline.storage.shards import MANIFEST_FILE
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.table import Table, describe

ROWS = 1 << 16
"""As many rows are read at a time."""


def batches(table: Table, path: Path, columns: Sequence[str] = ()) -> Iterator[pa.Table]:
    """The rows of a file of `table`, ROWS at a time, of all columns or of some; keys may repeat.

    Raises UserError if the file is missing or damaged, or has other columns than the table.
    """
    try:
        with pq.ParquetFile(path) as file:
            found = file.schema_arrow.remove_metadata()
            if not found.equals(table.schema):
                raise UserError(
                    f"A file does not have the columns of the table '{table.name}'.",
                    where=path,
                    expected=describe(table.schema),
                    found=describe(found),
                    fix="run the stage that writes it again",
                )
            for batch in file.iter_batches(ROWS, columns=list(columns) or None):
                yield pa.Table.from_batches([batch]).replace_schema_metadata(None)
    except FileNotFoundError:
        raise UserError(f"A file of the table '{table.name}' is missing.", where=path) from None
    except (pa.ArrowException, OSError) as error:
        fix = "delete it and run the stage that writes it again"
        raise UserError(f"A file of the table '{table.name}' is damaged.", path, found=str(error), fix=fix) from None


def manifest_shards(folder: Path, columns: Sequence[str], split: str | None = None) -> Iterator[tuple[str, pa.Table]]:
    """Name and manifest rows of every shard in a folder of images, or of those of one split, one after the other.

    The rows come in the order of the tar. Raises UserError if the manifest is missing or damaged, or if the rows of a
    shard do not stand together in it.
    """
    path, seen, name = folder / MANIFEST_FILE, set[str](), ""
    parts: list[pa.Table] = []
    for rows in batches(MANIFEST, path, sorted({"shard", "split", "offset", *columns})):
        shards = rows["shard"].to_numpy()
        borders = np.flatnonzero(shards[1:] != shards[:-1]) + 1
        for start, end in zip([0, *borders], [*borders, len(shards)], strict=True):
            if shards[start] != name:
                yield from _whole(name, parts, columns, split)
                name, parts = shards[start], []
                if name in seen:
                    raise UserError("Rows of one shard do not stand together in a manifest.", path, found=name)
                seen.add(name)
            parts.append(rows.slice(start, end - start))
    yield from _whole(name, parts, columns, split)


def _whole(
    name: str, parts: Sequence[pa.Table], columns: Sequence[str], split: str | None
) -> Iterator[tuple[str, pa.Table]]:
    if parts and split in (None, parts[0]["split"][0].as_py()):
        yield name, pa.concat_tables(parts).sort_by("offset").select(list(columns))
