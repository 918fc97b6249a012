"""What a layout writes and reads: images with their kept rows, one shard after the other, never all of them.

A writer gets a `Source`, whose shards come in the order of the manifest. A reader gets a `Target`, and yields `Rows` in
any order. Both say in `remarks` what a person should know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.core.progress import progress
from pipeline.storage.shards import MANIFEST_FILE
from pipeline.tables.table import Table
from pipeline.tables.triplets import KEPT_DC, KEPT_QA, SPLIT, files_of_shards
from pipeline.triplets.by_shard.checks import Tally
from pipeline.triplets.by_shard.index import ImageIndex
from pipeline.triplets.by_shard.streams import manifest_shards

Row = dict[str, Any]

IMAGE_COLUMNS = ("key", "url", "width", "height", "sha256")
IMAGES_AT_ONCE = 2_000


@dataclass(frozen=True)
class ImageTriplets:
    """An image and its rows of KEPT_QA and KEPT_DC. image: its IMAGE_COLUMNS, where a source gives them."""

    key: str
    qa: Sequence[Row]
    captions: Sequence[Row]
    image: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ShardTriplets:
    """The images of one shard, a table of IMAGE_COLUMNS in the order of the tar, and their rows in any order.

    first: how many training images there are in the shards before it.
    """

    name: str
    first: int
    images: pa.Table
    qa: pa.Table
    captions: pa.Table

    def by_image(self) -> Iterator[ImageTriplets]:
        """Every image with its rows, none of them left out."""
        qa, captions = grouped(self.qa), grouped(self.captions)
        for image in self.images.to_pylist():
            yield ImageTriplets(image["key"], qa.get(image["key"], []), captions.get(image["key"], []), image)


def grouped(rows: pa.Table) -> dict[str, list[Row]]:
    """Rows as dictionaries, by their image's key."""
    columns = {name: rows[name].to_pylist() for name in rows.column_names if name != "box"}
    boxes = rows["box"].combine_chunks().flatten().to_numpy().reshape(-1, 4).tolist()
    found: dict[str, list[Row]] = defaultdict(list)
    for box, *values in zip(boxes, *columns.values(), strict=True):
        row = dict(zip(columns, values, strict=True), box=box)
        found[row["key"]].append(row)
    return found


@dataclass
class Source:
    """The kept triplets of a repository. licences: what the user states of `triplets` and of sources, by name."""

    root: Path
    pairs: Path
    triplets: Path
    licences: Mapping[str, str] = field(default_factory=dict)
    qa_rows: int = 0
    caption_rows: int = 0
    remarks: list[str] = field(default_factory=list)

    def shards(self) -> Iterator[ShardTriplets]:
        """Every shard of training images with its rows, which are counted.

        Raises UserError if a shard has no table, or if a row belongs to no image of its shard.
        """
        names = [name for name, _ in manifest_shards(self.pairs, [], SPLIT)]
        for suffix in ("qa", "dc"):
            files_of_shards(self.triplets, suffix, names, fix="run `dvc repro filter`")
        first = 0
        with progress("exporting triplets", len(names)) as tell:
            for done, (name, images) in enumerate(manifest_shards(self.pairs, IMAGE_COLUMNS, SPLIT), 1):
                keys = set(images["key"].to_pylist())
                qa, captions = (self._rows(table, f"{name}-{end}", keys) for table, end in TABLES)
                self.qa_rows, self.caption_rows = self.qa_rows + qa.num_rows, self.caption_rows + captions.num_rows
                yield ShardTriplets(name, first, images, qa, captions)
                first += images.num_rows
                tell(done)

    def _rows(self, table: Table, name: str, keys: set[str]) -> pa.Table:
        path = self.triplets / f"{name}.parquet"
        rows = table.read(path)
        table.check_images(rows, keys, path, self.pairs / MANIFEST_FILE)
        return rows


@dataclass
class Target:
    """What is imported, and for which images. unknown: images that are not among them, as far as a reader knows.

    ledger: counts what cannot be used.
    """

    folder: Path
    pairs: Path
    images: ImageIndex
    ledger: Tally
    unknown: int = 0
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Rows:
    """Rows of KEPT_QA and KEPT_DC, and the keys of the images that they are about (an image may have no row)."""

    keys: Sequence[str]
    qa: pa.Table
    captions: pa.Table


def rows_of(images: Iterable[ImageTriplets]) -> Iterator[Rows]:
    """The rows of images as tables, IMAGES_AT_ONCE each."""
    stream = iter(images)
    while some := list(islice(stream, IMAGES_AT_ONCE)):
        qa = [row for image in some for row in image.qa]
        captions = [row for image in some for row in image.captions]
        yield Rows([image.key for image in some], as_table(KEPT_QA, qa), as_table(KEPT_DC, captions))


def as_table(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table whose keys may repeat."""
    columns = {field.name: [row[field.name] for row in rows] for field in table.schema if field.name != "box"}
    corners = np.array([row["box"] for row in rows], np.float32).reshape(-1)
    boxes = pa.FixedSizeListArray.from_arrays(pa.array(corners), type=table.schema.field("box").type)
    return pa.table({**columns, "box": boxes}).select(table.schema.names).cast(table.schema)


TABLES = ((KEPT_QA, "qa"), (KEPT_DC, "dc"))
"""The two tables of a shard, and the ends of their names."""
