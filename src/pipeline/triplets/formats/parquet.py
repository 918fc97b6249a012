"""The tables themselves, with a data card, as a folder that Hugging Face's hub and its `datasets` read.

    data/<shard>-qa.parquet   data/<shard>-dc.parquet   images.parquet   README.md   SHA256SUMS

The tables are copies of `data/triplets`; `images.parquet` (key, url, width, height, sha256) says which images they are
about, and `README.md` is the card (`card.py`). Nothing is lost. An import reads the tables in `data/`, or in the folder
itself, whatever the shards are called there.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.errors import UserError
from pipeline.core.files import write_text
from pipeline.fetch.raw.records import bad_field
from pipeline.fetch.raw.texts import LONGEST_TEXT
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.table import Table
from pipeline.tables.triplets import KEPT_DC, KEPT_QA
from pipeline.triplets.by_shard.checks import corners, missing, sound
from pipeline.triplets.by_shard.streams import batches
from pipeline.triplets.formats.card import Counts, card
from pipeline.triplets.formats.images import IMAGE_COLUMNS, TABLES, Rows, Source, Target

IMAGES_FILE, SUMS_FILE = "images.parquet", "SHA256SUMS"
NEEDED = {KEPT_QA.name: ("question", "answer"), KEPT_DC.name: ("caption",)}
"""Texts that a row of a table must have."""


def export(source: Source, folder: Path) -> None:
    """Copy the tables, and write what goes with them."""
    data, counts = folder / "data", Counts()
    data.mkdir()
    schema = pa.schema([MANIFEST.schema.field(name) for name in IMAGE_COLUMNS])
    with pq.ParquetWriter(folder / IMAGES_FILE, schema, compression="zstd") as images:
        for shard in source.shards():
            images.write_table(shard.images.cast(schema))
            counts.add(shard)
            for _, end in TABLES:
                name = f"{shard.name}-{end}.parquet"
                shutil.copyfile(source.triplets / name, data / name)
    files = sorted([IMAGES_FILE, *(f"data/{path.name}" for path in data.iterdir())])
    write_text(folder / SUMS_FILE, "".join(f"{sha256(folder / name)}  {name}\n" for name in files))
    write_text(folder / "README.md", card(source, counts, sha256(folder / SUMS_FILE)))


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def read(target: Target) -> Iterator[Rows]:
    """The sound rows of all tables. Raises UserError if there is none, or if one is damaged or has other columns."""
    data = target.folder / "data"
    folder = data if data.is_dir() else target.folder
    found = {end: sorted(folder.glob(f"*-{end}.parquet")) for _, end in TABLES}
    if not any(found.values()):
        raise UserError("A folder of tables is missing or empty.", folder, "files *-qa.parquet and *-dc.parquet")
    for table, end in TABLES:
        for path in found[end]:
            for rows in batches(table, path):
                rows = sound(rows, faults(table, rows), target.ledger)
                empty = {KEPT_QA.name: KEPT_QA.schema.empty_table(), KEPT_DC.name: KEPT_DC.schema.empty_table()}
                parts = empty | {table.name: rows}
                yield Rows(rows["key"].unique().to_pylist(), parts[KEPT_QA.name], parts[KEPT_DC.name])


def faults(table: Table, rows: pa.Table) -> Sequence[tuple[str, Any]]:
    """What may be wrong with rows of a table, each with a mask [rows]."""
    box = corners(rows)
    inside = ((box >= 0) & (box <= 1)).all(axis=1)
    lengths = {name: np.array([len(text or "") for text in rows[name].to_pylist()]) for name in NEEDED[table.name]}
    return [
        *((bad_field(name), missing(rows, name)) for name in table.key),
        (bad_field("box"), ~inside | (box[:, :2] >= box[:, 2:]).any(axis=1)),
        *((f"empty text: {name}", length == 0) for name, length in lengths.items()),
        *((f"text too long: {name}", length > LONGEST_TEXT) for name, length in lengths.items()),
    ]
