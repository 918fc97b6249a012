"""Lists of addresses with captions, as their publishers write them, read as a stream.

    cc3m      `caption<TAB>url`, no header (Sharma et al. 2018)
    cc12m     `url<TAB>caption`, no header (Changpinyo et al. 2021)
    columns   CSV, TSV, JSON lines or Parquet (by the file's ending), with named columns

The list is cut into pieces of equally many new addresses (`cut`), each a small table in scratch, which one unit of work
fetches (`captions/crawl.py`). Nothing grows with the list but one number for each piece, and a repeated address costs
eight bytes: addresses are compared by a hash of eight bytes, a part of the hashes at a time, in a first pass over the
list.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.core.files import remove, temporary_folder
from pipeline.core.settings import Params
from pipeline.fetch.packing.dropped import BAD_LINE, DUPLICATE_URL, NO_CAPTION
from pipeline.fetch.raw.locations import Name, RawPath, find_files
from pipeline.fetch.raw.texts import MOST_CHARACTERS, clean_text, clean_url
from pipeline.tables.urls import URLS

URL = re.compile(r"https?://[^\s/?#]+([/?#].*)?", re.IGNORECASE)
"""Spaces are allowed behind the host: browsers and the crawl write them as %20."""
HEADERS = {"caption", "url", "text", "image", "image_url"}
HASH_PARTS = 64
"""The hashes of a list are compared in so many parts, by their highest bits: a part of 12 million takes 1.5 MB."""
ROWS_AT_ONCE = 10_000


class UrlListSource(Params):
    """A list of captions and addresses, whose pictures are fetched from all over the web."""

    kind: Literal["url_list"]
    name: Name = Field(description="Prefix of the images' keys; the number of the row follows.")
    location: RawPath = Field(description="The list: a file, or a glob pattern of several that make one list.")
    layout: Literal["cc3m", "cc12m", "columns"] = Field(
        description="Columns: cc3m (caption, url), cc12m (url, caption): TSV without header; columns: named ones."
    )
    url_column: str = Field(default="url", description="Column of the addresses (layout columns).")
    caption_column: str = Field(default="caption", description="Column of the captions (layout columns).")
    split: Literal["train", "val"] = Field(default="train", description="Split that the images go to.")
    urls_per_shard: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Addresses per shard; those that fail leave it smaller."
    )


class Row(NamedTuple):
    """A row of a list: its number, and what it says; `fault` is why it cannot be used, or empty."""

    number: int
    url: str
    caption: str
    fault: str


@dataclass(frozen=True)
class Piece:
    """A part of a list as a table in scratch (`URLS`)."""

    file: Path
    number: int


def read_list(source: UrlListSource, root: Path) -> Iterator[Row]:
    """The rows of a list, numbered from 1 over all its files.

    Raises UserError for missing files, a header where there should be none, missing columns, and an empty list.
    """
    files = find_files(root, source.location, "")
    raw = chain.from_iterable(read_file(source, root / file, file) for file in files)
    number = 0
    for number, cells in enumerate(raw, start=1):
        yield Row(number, *checked(cells))
    if number == 0:
        raise UserError("A list of addresses is empty.", where=source.location, expected="rows of caption and url")


def checked(cells: tuple[str, str] | None) -> tuple[str, str, str]:
    """Address, caption and fault of a row's two cells; None stands for a row of another form."""
    if cells is None or max(map(len, cells)) > MOST_CHARACTERS:
        return "", "", BAD_LINE
    url, caption = clean_url(cells[0]), clean_text(cells[1])
    if not URL.fullmatch(url) or "\ufffd" in url + caption:
        return url, caption, BAD_LINE
    return url, caption, "" if caption else NO_CAPTION


def read_file(source: UrlListSource, path: Path, where: str) -> Iterator[tuple[str, str] | None]:
    """Address and caption of each row of one file; None for a row of another form."""
    if source.layout != "columns":
        yield from read_plain(path, where, url_first=source.layout == "cc12m")
    elif path.suffix == ".parquet":
        yield from read_parquet(source, path, where)
    elif path.suffix in (".jsonl", ".ndjson"):
        yield from read_json_lines(source, path)
    else:
        yield from read_named(source, path, where, "\t" if path.suffix == ".tsv" else ",")


def read_plain(path: Path, where: str, url_first: bool) -> Iterator[tuple[str, str] | None]:
    """Two cells a line, tab between them, without header and quotes."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            text = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").rstrip("\r\n")
            cells = text.split("\t")
            if number == 1 and {cell.strip().lower() for cell in cells} <= HEADERS:
                raise UserError(
                    "A list of addresses begins with a header.",
                    where=f"{where}, line 1",
                    expected="the official file, which has none",
                    found=repr(text[:120]),
                    fix="remove the first line, or say `layout: columns`",
                )
            yield None if len(cells) != 2 else (cells[0], cells[1]) if url_first else (cells[1], cells[0])


def read_named(source: UrlListSource, path: Path, where: str, delimiter: str) -> Iterator[tuple[str, str] | None]:
    """Two named columns of a CSV or TSV file."""
    csv.field_size_limit(MOST_CHARACTERS)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        rows = csv.reader(stream, delimiter=delimiter)
        header = next(rows, [])
        url, caption = (header.index(name) for name in require_columns(source, header, where))
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error:
                yield None
                continue
            if row:
                yield (row[url], row[caption]) if len(row) == len(header) else None


def read_json_lines(source: UrlListSource, path: Path) -> Iterator[tuple[str, str] | None]:
    """Two fields of the objects of a file of JSON lines."""
    with path.open("rb") as stream:
        for line in stream:
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                cells = record[source.url_column], record[source.caption_column]
            except (ValueError, TypeError, KeyError, RecursionError):
                yield None
                continue
            yield cells if all(isinstance(cell, str) for cell in cells) else None


def read_parquet(source: UrlListSource, path: Path, where: str) -> Iterator[tuple[str, str] | None]:
    """Two columns of a Parquet file."""
    try:
        file = pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise UserError("A list of addresses is no Parquet file.", where=where, found=str(error)[:200]) from None
    names = require_columns(source, file.schema_arrow.names, where)
    for batch in file.iter_batches(ROWS_AT_ONCE, columns=list(names)):
        for url, caption in zip(*(batch[name].to_pylist() for name in names), strict=True):
            yield (url, caption) if isinstance(url, str) and isinstance(caption, str) else None


def require_columns(source: UrlListSource, names: Iterable[str], where: str) -> tuple[str, str]:
    """Names of both columns. Raises UserError if the file lacks one."""
    wanted, found = (source.url_column, source.caption_column), list(names)
    if missing := [name for name in wanted if name not in found]:
        raise UserError(
            f"A list of addresses has no column {missing[0]!r}.",
            where=where,
            found=", ".join(found[:20]) or "nothing",
            fix="name its columns in `url_column` and `caption_column`, or say `layout: cc3m` or `cc12m`",
        )
    return wanted


def cut(source: UrlListSource, root: Path, folder: Path, max_bad_share: float) -> list[Piece]:
    """Write the list's pieces into `folder`; a repeated address is the first row's, the others have a fault.

    Raises UserError as `read_list` does, and if more than a share of the rows cannot be read.
    """
    remove(folder)
    bad = BadRows(source, max_bad_share)
    repeated = repeated_rows(read_list(source, root), folder)
    pieces: list[Piece] = []
    rows: list[Row] = []
    new = 0
    for row in read_list(source, root):
        if not row.fault and is_in(repeated, row.number):
            row = row._replace(fault=DUPLICATE_URL)
        bad.count(row)
        if new == source.urls_per_shard and not row.fault:
            pieces.append(write_piece(rows, folder, len(pieces)))
            rows, new = [], 0
        rows.append(row)
        new += not row.fault
    pieces.append(write_piece(rows, folder, len(pieces)))
    bad.check()
    return pieces


class BadRows:
    """Counts the rows that cannot be read: many of them mean another layout than was said."""

    def __init__(self, source: UrlListSource, max_share: float) -> None:
        self.source, self.max_share = source, max_share
        self.rows = self.bad = self.first = 0

    def count(self, row: Row) -> None:
        """Take note of a row."""
        self.rows += 1
        if row.fault == BAD_LINE:
            self.bad += 1
            self.first = self.first or row.number

    def check(self) -> None:
        """Raise UserError if more than the share is bad; a single one is always accepted."""
        if self.bad == self.rows or self.bad > max(1, self.max_share * self.rows):
            raise UserError(
                f"{self.bad} of {self.rows} rows of a list of addresses cannot be read.",
                where=f"{self.source.location}, row {self.first}",
                expected=f"a caption and an http or https address, in UTF-8 (layout {self.source.layout})",
                found=f"other rows; at most {self.max_share:.1%} may be damaged (fetch_pairs.max_dropped_share)",
                fix="correct `layout`, or mend the list",
            )


def write_piece(rows: list[Row], folder: Path, number: int) -> Piece:
    """A piece's table."""
    piece = Piece(folder / f"{number:05d}.parquet", number)
    URLS.write(piece.file, [row._asdict() for row in rows])
    return piece


def repeated_rows(rows: Iterable[Row], folder: Path) -> np.ndarray:
    """Numbers of the sound rows whose address stood in an earlier sound row, sorted, int64."""
    found: list[np.ndarray] = []
    with temporary_folder(folder / "hashes") as parts:
        streams = [(parts / str(part)).open("wb") for part in range(HASH_PARTS)]
        try:
            for row in rows:
                if not row.fault:
                    digest = hashlib.blake2b(row.url.encode(), digest_size=8).digest()
                    streams[digest[0] % HASH_PARTS].write(digest + row.number.to_bytes(8, "little"))
        finally:
            for stream in streams:
                stream.close()
        for part in range(HASH_PARTS):
            hashed = np.fromfile(parts / str(part), np.dtype([("hash", "<u8"), ("row", "<i8")]))
            _, first = np.unique(hashed["hash"], return_index=True)
            found.append(np.delete(hashed["row"], first))
    return np.sort(np.concatenate(found))


def is_in(numbers: np.ndarray, number: int) -> bool:
    """Whether a number is among sorted numbers."""
    index = int(np.searchsorted(numbers, number))
    return index < len(numbers) and int(numbers[index]) == number
