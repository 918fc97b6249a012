"""Which number an image has in JADE's layout.

It is the CRC-32 of its url. That is short: of 2.8 million urls about 900 pairs share one. So an image whose number
another image has too, and an image without a url, gets a number of its own kind, from 2³² on: 2³² plus its place among
the training images. The file `ids.csv` (key, url, img_id) beside the two folders lists these images, so that an import
finds them by their key.

In a folder without that file, such as the published one, nothing tells which of several urls a shared number is about:
these images are left out of an import, and counted. Images of one and the same url share its rows.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.tables.triplets import SPLIT
from pipeline.triplets.by_shard.index import UNKNOWN
from pipeline.triplets.by_shard.streams import manifest_shards
from pipeline.triplets.formats.images import Source, Target

IDS_FILE = "ids.csv"
COLUMNS = ["key", "url", "img_id"]
OWN_KIND = 2**32
NO_ID = 2**64 - 1
LINES = 10_000


def image_id(url: str) -> int:
    """JADE's number of an image: the unsigned CRC-32 of its url."""
    return zlib.crc32(url.encode())


def export_ids(source: Source, folder: Path) -> np.ndarray:
    """The number of every training image, [images] in uint64; those of an own kind are listed in `folder/ids.csv`."""
    ids = url_ids(source.pairs)
    without, shared = ids == NO_ID, repeated(ids)
    own = without | shared
    ids[own] = OWN_KIND + np.flatnonzero(own).astype(np.uint64)
    if own.any():
        _write(folder / IDS_FILE, source.pairs, ids, own)
        source.remarks.append(
            f"{own.sum()} images have a number of their own kind, which {IDS_FILE} lists: {without.sum()} that have no "
            f"url, and {shared.sum()} whose CRC-32 another image has too."
        )
    return ids


def import_ids(target: Target) -> tuple[np.ndarray, np.ndarray]:
    """The number of every training image, [images] in uint64 (NO_ID: it has none), and whether others share it.

    Numbers that images of one url share do not count as shared. Raises UserError if `ids.csv` is damaged.
    """
    ids = url_ids(target.pairs)
    listed = target.folder / IDS_FILE
    if listed.exists():
        for keys, numbers in _read(listed):
            positions = target.images.find(pa.chunked_array([keys]))
            ids[positions[positions != UNKNOWN]] = numbers[positions != UNKNOWN]
    shared = repeated(ids)
    urls: dict[int, str] = {}
    different: set[int] = set()
    for number, url in _selected(target.pairs, ids, shared, "url"):
        if urls.setdefault(number, url) != url:
            different.add(number)
    return ids, np.isin(ids, np.array(sorted(different), np.uint64))


def url_ids(pairs: Path) -> np.ndarray:
    """The CRC-32 of every training image's url, [images] in uint64; NO_ID for an image without one."""
    parts = [
        np.array([image_id(url) if url else NO_ID for url in rows["url"].to_pylist()], np.uint64)
        for _, rows in manifest_shards(pairs, ["url"], SPLIT)
    ]
    return np.concatenate([np.empty(0, np.uint64), *parts])


def repeated(ids: np.ndarray) -> np.ndarray:
    """Which images have a number that comes more than once, [images]."""
    order = np.argsort(ids, kind="stable")
    equal = ids[order][1:] == ids[order][:-1]
    found = np.zeros(len(ids), bool)
    found[order[1:][equal]] = found[order[:-1][equal]] = True
    return found & (ids != NO_ID)


def _selected(pairs: Path, ids: np.ndarray, mask: np.ndarray, *columns: str) -> Iterator[tuple]:
    """Number and columns of the images that a mask selects."""
    first = 0
    for _, rows in manifest_shards(pairs, columns, SPLIT):
        chosen = np.flatnonzero(mask[first : first + rows.num_rows])
        values = (rows[name].take(chosen).to_pylist() for name in columns)
        yield from zip(ids[first + chosen].tolist(), *values, strict=True)
        first += rows.num_rows


def _write(path: Path, pairs: Path, ids: np.ndarray, mask: np.ndarray) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream, lineterminator="\n")
        lines.writerow(COLUMNS)
        lines.writerows((key, url, number) for number, key, url in _selected(pairs, ids, mask, "key", "url"))


def _read(path: Path) -> Iterator[tuple[pa.Array, np.ndarray]]:
    """Keys and numbers in a file of ids, LINES at a time."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            lines = csv.reader(stream)
            if next(lines, None) != COLUMNS:
                raise ValueError("another first line")
            while some := list(islice(lines, LINES)):
                yield pa.array([key for key, _, _ in some]), np.array([int(number) for _, _, number in some], np.uint64)
    except (ValueError, OverflowError, csv.Error) as error:
        fix = "copy the folder again"
        raise UserError("A list of ids is damaged.", path, ", ".join(COLUMNS), str(error)[:300], fix) from None
