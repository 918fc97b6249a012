"""What is wrong with rows, thousands at a time, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.fetch.packing.dropped import Ledger, check_faults
from pipeline.fetch.raw.texts import clean


@dataclass
class Tally(Ledger):
    """A ledger of damaged rows that keeps their number by reason and one example of each, but no row."""

    counts: Counter[str] = field(default_factory=Counter)

    def drop(self, key: str, reason: str, url: str = "", example: str = "") -> None:
        """Count a row; without an example its key is one."""
        self.counts[reason] += 1
        if reason not in self.examples:
            self.examples[reason] = clean(example or key)

    def drop_rows(self, rows: pa.Table, reason: str) -> None:
        """Count the rows of a table."""
        if rows.num_rows:
            self.drop("", reason, example=str(rows.slice(0, 1).to_pylist()[0]))
            self.counts[reason] += rows.num_rows - 1

    def faults(self) -> dict[str, int]:
        """Number of rows by reason, the most frequent first."""
        return dict(self.counts.most_common())

    def check(self, kept: int, where: object, max_share: float, option: str) -> None:
        """Raise UserError as `check_faults` does; kept: the number of sound rows."""
        check_faults(self, kept + self.counts.total(), where, max_share, option)


def sound(rows: pa.Table, faults: Sequence[tuple[str, Any]], tally: Tally) -> pa.Table:
    """The rows that have none of the faults; the others are counted by the first that they have.

    faults: reasons, each with a mask [rows] of the rows that it is true of.
    """
    left = np.ones(rows.num_rows, bool)
    for reason, mask in faults:
        found = left & np.asarray(mask)
        if found.any():
            tally.drop_rows(rows.filter(pa.array(found)), reason)
            left &= ~found
    return rows if left.all() else rows.filter(pa.array(left))


def first_of_each(rows: pa.Table, columns: Sequence[str], reason: str, tally: Tally) -> pa.Table:
    """Of rows that are equal in `columns` the first; the others are counted."""
    numbered = rows.select(list(columns)).append_column("row", pa.array(np.arange(rows.num_rows)))
    firsts = numbered.group_by(list(columns)).aggregate([("row", "min")])["row_min"].to_numpy()
    repeated = np.ones(rows.num_rows, bool)
    repeated[firsts] = False
    return sound(rows, [(reason, repeated)], tally)


def corners(rows: pa.Table, column: str = "box") -> np.ndarray:
    """The boxes of a table, [rows, 4] in float64; NaN where a corner or the whole box is null."""
    found = np.full((rows.num_rows, 4), np.nan)
    there = ~missing(rows, column)
    found[there] = rows[column].drop_null().combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, 4)
    return found


def missing(rows: pa.Table, column: str) -> np.ndarray:
    """Where a column is null, [rows]."""
    return rows[column].is_null().to_numpy()
