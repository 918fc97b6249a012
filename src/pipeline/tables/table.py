"""Parquet tables with a contract: columns and a primary key, checked by writer and reader alike.

Files are ZSTD-compressed and carry no time stamp, so equal rows give equal bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core.errors import UserError
from pipeline.core.files import atomic_path

BOX = pa.list_(pa.field("item", pa.float32()), 4)
"""Arrow type of a box: x1, y1, x2, y2 as fractions of the image."""


@dataclass(frozen=True)
class Column:
    """One column: name, Arrow type, and what it says, for people."""

    name: str
    type: pa.DataType
    description: str


@dataclass(frozen=True)
class Table:
    """The contract of one kind of Parquet file.

    name: what messages call it. path: where its files lie, below the repository's root. columns: in their order.
    key: the columns whose values together are unique. description: what one row is.
    """

    name: str
    path: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    description: str = ""

    @cached_property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return pa.schema([(column.name, column.type) for column in self.columns])

    def build(self, rows: pa.Table | Sequence[Mapping[str, Any]], where: object = "") -> pa.Table:
        """Rows as an Arrow table of this schema; raises UserError when types or keys do not fit."""
        try:
            if isinstance(rows, Sequence):
                table = pa.Table.from_pylist(list(rows), schema=self.schema)
            else:
                table = rows.select(self.schema.names).cast(self.schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError, KeyError) as error:
            raise UserError(
                f"Rows do not fit the table '{self.name}'.",
                where=where,
                expected=describe(self.schema),
                found=str(error),
            ) from None
        self.check_key(table, where)
        return table

    def write(
        self,
        path: Path,
        rows: pa.Table | Sequence[Mapping[str, Any]],
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Write rows atomically, with `metadata` in the file's schema. Raises UserError as `build` does."""
        table = self.build(rows, where=path).replace_schema_metadata(dict(metadata or {}))
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    def read(self, *paths: Path, columns: list[str] | None = None) -> pa.Table:
        """The rows of one or several files, in the order given, without file metadata; all columns or some.

        Raises UserError for a missing or damaged file, another schema, no files, or a repeated key.
        """
        if not paths:
            raise UserError(f"No file of the table '{self.name}' was found.", fix="run the stage that writes it")
        needed = None if columns is None else [name for name in self.schema.names if name in {*columns, *self.key}]
        parts = [self.read_unchecked(path, needed) for path in paths]
        table = pa.concat_tables(parts)
        self.check_key(table, where=paths[0] if len(paths) == 1 else f"{paths[0]} … {paths[-1]}")
        return table.select(columns) if columns else table

    def read_folder(self, folder: Path, pattern: str = "*.parquet") -> pa.Table:
        """All files of a folder that match, in the order of their names. Raises UserError as `read` does."""
        paths = sorted(folder.glob(pattern))
        if not paths:
            raise UserError(
                f"No file of the table '{self.name}' was found.",
                where=folder / pattern,
                fix="run the stage that writes it",
            )
        return self.read(*paths)

    def metadata(self, path: Path) -> dict[str, str]:
        """What the writer put into the file's metadata."""
        raw = pq.read_schema(path).metadata or {}
        return {key.decode(): value.decode() for key, value in raw.items() if not key.startswith(b"ARROW:")}

    def check_key(self, table: pa.Table, where: object) -> None:
        """Raise UserError if two rows share one primary key, or a key is null."""
        if table.num_rows == 0:
            return
        for column in self.key:
            if table[column].null_count:
                raise UserError(f"The key column '{column}' of table '{self.name}' has nulls.", where=where)
        groups = table.select(list(self.key)).group_by(list(self.key)).aggregate([([], "count_all")])
        if groups.num_rows < table.num_rows:
            repeated = groups.filter(pc.field("count_all") > 1).slice(0, 1).to_pylist()[0]
            raise UserError(
                f"Two rows of the table '{self.name}' share one key.",
                where=where,
                expected=f"unique {', '.join(self.key)}",
                found=", ".join(f"{name}={repeated[name]!r}" for name in self.key)
                + f" in {repeated['count_all']} rows",
                fix="remove the duplicate from the source, or delete this file and run its stage again",
            )

    def check_images(self, rows: pa.Table, known: Collection[str], where: object, images: object) -> None:
        """Raise UserError, naming both places, if a row's `key` is not that of a known image.

        where: the table's file or folder; images: the manifest that lists the known images.
        """
        unknown = sorted(set(rows["key"].unique().to_pylist()).difference(known))
        if unknown:
            raise UserError(
                f"Rows of the table '{self.name}' belong to images that are not there.",
                where=f"{where} and {images}",
                expected="keys of this manifest",
                found=f"{len(unknown)} other keys, the first is {unknown[0]!r}",
                fix="run the stage that writes the table again, so that both come from the same images",
            )

    def read_unchecked(self, path: Path, columns: list[str] | None = None) -> pa.Table:
        """The rows of one file, whose keys may repeat; all columns or some.

        Raises UserError if the file is missing or damaged, or has another schema.
        """
        try:
            with pq.ParquetFile(path) as file:
                found = file.schema_arrow.remove_metadata()
                table = file.read(columns) if found.equals(self.schema) else None
        except FileNotFoundError:
            raise UserError(f"A file of the table '{self.name}' is missing.", where=path) from None
        except (pa.ArrowInvalid, OSError) as error:
            raise UserError(
                f"A file of the table '{self.name}' is damaged.",
                where=path,
                found=str(error),
                fix="delete it and run the stage that writes it again",
            ) from None
        if table is None:
            raise UserError(
                f"A file does not have the columns of the table '{self.name}'.",
                where=path,
                expected=describe(self.schema),
                found=describe(found),
                fix="run the stage that writes it again",
            )
        return table.replace_schema_metadata(None)


def describe(schema: pa.Schema) -> str:
    """A schema in one line: `name type, name type`."""
    return ", ".join(f"{field.name} {field.type}" for field in schema)
