"""The table of what was left out, and why: nothing is lost silently.

One bad item never ends a stage. It goes to the ledger of its source with its reason; only if more than a share of the
source's items is damaged does the stage fail, and it names the most frequent reasons with an example of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.errors import UserError
from pipeline.fetch.raw.records import RecordError
from pipeline.fetch.raw.texts import clean
from pipeline.tables.pairs import DROPPED

NO_IMAGE = "no image"
IMAGE_MISSING = "image missing"
NAME_FITS_TWO = "name fits two images"
NO_CAPTION = "no caption"
UNREADABLE = "text unreadable"
IMAGE_TOO_SMALL = "image too small"
IMAGE_TOO_LONG = "image too elongated"
IMAGE_TOO_LARGE = "image has too many pixels"
IMAGE_UNKNOWN = "no file with an image's extension"
SEVERAL_IMAGES = "several images in one sample"
FILE_TWICE = "a file twice in one sample"
CAPTION_TOO_SHORT = "caption too short"
CAPTION_TOO_LONG = "caption too long"
DUPLICATE_URL = "duplicate url"
LISTED_TWICE = "listed twice"
REPEATED_ID = "repeated id"
UNKNOWN_IMAGE = "unknown image"
UNKNOWN_CATEGORY = "unknown category"
NO_MATCH = "no matching answers"
NO_REGION = "no region for a question"
BAD_LINE = "bad line"
IN_BENCHMARK = "image in a benchmark"
DUPLICATE_IMAGE = "duplicate image"

FAULTS = (
    NO_IMAGE,
    IMAGE_MISSING,
    IMAGE_UNKNOWN,
    SEVERAL_IMAGES,
    FILE_TWICE,
    NAME_FITS_TWO,
    NO_CAPTION,
    UNREADABLE,
    LISTED_TWICE,
)
"""Reasons that mean a damaged source, beside those that a ledger holds as faults; all others are filters."""

MOST_REASONS = 5
"""A message names at most so many reasons."""
LONGEST_NAME = 100
"""Of a longer name the beginning is given."""


def count_reasons(reasons: Iterable[str]) -> dict[str, int]:
    """Number of rows by reason, sorted by name."""
    return dict(sorted(Counter(reasons).items()))


def value_counts(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each value stands in a column of texts, in the order of their first rows."""
    return {pair["values"]: pair["counts"] for pair in column.value_counts().to_pylist()}


def dropped_row(source: str, key: str, url: str, reason: str) -> Mapping[str, Any]:
    """One row of the table; an image that is missing may be had later, all else is permanent."""
    permanent = reason != IMAGE_MISSING
    return {"source": source, "key": key, "url": url, "reason": reason, "permanent": permanent}


@dataclass
class Ledger:
    """What was left out of one source: rows of the table, and an example of each reason that means damage.

    rows: what the reader of the source left out, row by row. packed: what was left out while its images were packed,
    which may be millions of rows.
    """

    source: str
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    examples: dict[str, str] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    packed: pa.Table = field(default_factory=DROPPED.schema.empty_table)
    rows_before_packing: int = 0

    def drop(self, key: str, reason: str, url: str = "", example: str = "") -> None:
        """Add a row. `example` says where the item stands and what was found; without one it is no fault.

        A key that comes again gets a number, since keys of the table are unique.
        """
        key = clean(key)
        number = self.keys[key] = self.keys.get(key, 0) + 1
        self.rows.append(dropped_row(self.source, key if number == 1 else f"{key}#{number}", url, reason))
        if example:
            self.examples.setdefault(reason, clean(example))

    def drop_record(self, error: RecordError, *position: object) -> None:
        """Add a record that cannot be used; `position` is its number in its file, or the name of its field."""
        place = "/".join(str(part)[:LONGEST_NAME] for part in position)
        found = f": {error.found}" if error.found else ""
        self.drop(f"{PurePosixPath(error.where).name}/{place}", error.problem, "", f"{error.where}, {place}{found}")

    def add_packed(self, dropped: pa.Table, places: Mapping[str, object]) -> None:
        """Add, once, what was dropped while the images of this source (and others) were packed.

        places: where each key's image lies.
        """
        own = dropped.filter(pc.field("source") == self.source)
        for reason in own["reason"].unique().to_pylist():
            if reason in FAULTS:
                key = own["key"][pc.index(own["reason"], reason).as_py()].as_py()
                self.examples.setdefault(reason, clean(str(places.get(key, key))))
        column = DROPPED.schema.get_field_index("key")
        self.packed = own.set_column(column, "key", numbered(own["key"], self.keys))
        self.rows_before_packing = len(self.rows)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.rows) + self.packed.num_rows

    def table(self) -> pa.Table:
        """All rows, in the order in which they came."""
        first, last = self.rows[: self.rows_before_packing], self.rows[self.rows_before_packing :]
        return pa.concat_tables([DROPPED.build(first), self.packed, DROPPED.build(last)]).combine_chunks()

    def faults(self) -> dict[str, int]:
        """Number of rows by reason, of those that mean damage."""
        counts = Counter(row["reason"] for row in self.rows)
        counts.update(value_counts(self.packed["reason"]))
        return {reason: count for reason, count in counts.most_common() if reason in self.examples or reason in FAULTS}

    def summary(self) -> str:
        """The most frequent reasons that mean damage, each with its number and an example, in one line."""
        reasons = self.faults()
        parts = [
            f"{count} × {reason}" + (f" (such as {self.examples[reason]})" if reason in self.examples else "")
            for reason, count in list(reasons.items())[:MOST_REASONS]
        ]
        return "; ".join(parts) + (" …" if len(reasons) > MOST_REASONS else "")


def numbered(keys: pa.ChunkedArray, seen: Mapping[str, int]) -> pa.ChunkedArray:
    """Keys that are unique: those that come again get a number, `a`, `a#2`. seen: how often each came before."""
    counts = keys.value_counts()
    often = counts.filter(pa.array(counts.field("counts").to_numpy() > 1)).field("values")
    repeated = pa.concat_arrays([often, pa.array(list(seen), pa.string())])
    again = pa.table({"key": keys, "row": np.arange(len(keys))}).filter(pc.field("key").isin(repeated))
    so_far = Counter(seen)
    names = []
    for key in again["key"].to_pylist():
        so_far[key] += 1
        names.append(key if so_far[key] == 1 else f"{key}#{so_far[key]}")
    places = np.arange(len(keys))
    places[again["row"].to_numpy()] = len(keys) + np.arange(len(names))
    return pa.chunked_array([*keys.chunks, pa.array(names, pa.string())], pa.string()).take(pa.array(places))


def check_faults(ledger: Ledger, kept: int, where: object, max_share: float, option: str) -> None:
    """Raise UserError if nothing of a source is left, or if more than the share `max_share` of its items is damaged.

    One damaged item is always accepted, unless `max_share` is 0. Items that a filter left out count as sound.
    option: the parameter or option that gives `max_share`.
    """
    faults, total = sum(ledger.faults().values()), kept + ledger.count
    accepted = max(1, max_share * total) if max_share else 0
    if not faults or (faults <= accepted and faults < total):
        return
    raise UserError(
        f"{faults} of {total} samples of source '{ledger.source}' are damaged.",
        where=where,
        expected=f"at most {max_share:.1%} ({option})",
        found=ledger.summary(),
        fix=f"mend the source or fetch it again, or raise {option} if that many are known to be damaged",
    )
