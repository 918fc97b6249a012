"""Rows in any order, sorted by the number of their shard, on disk.

A buffer of rows is sorted by number and written as one piece per number that occurs in it. The rows of a number are
those of its pieces, in the order in which they came. Memory holds one buffer, and then the rows of one number.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BUFFERED = 1 << 18
"""Rows; as soon as there are as many they are written."""


class Partition:
    """Sorts rows of one schema into files in a folder, which exists."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self.folder = folder
        self.schema = schema
        self.pieces: Counter[int] = Counter()
        self._rows: list[pa.Table] = []
        self._numbers: list[np.ndarray] = []

    def add(self, rows: pa.Table, numbers: np.ndarray) -> None:
        """Add rows; numbers: [rows], whole numbers."""
        self._rows.append(rows)
        self._numbers.append(numbers)
        if sum(map(len, self._numbers)) >= BUFFERED:
            self._write()

    def take(self, number: int) -> pa.Table:
        """All rows of one number; their files are removed, and there are none of this number any more."""
        self._write()
        paths = [self._piece(number, piece) for piece in range(self.pieces.pop(number, 0))]
        rows = pa.concat_tables([self.schema.empty_table(), *map(pq.read_table, paths)])
        for path in paths:
            path.unlink()
        return rows

    def _write(self) -> None:
        if not self._numbers:
            return
        numbers = np.concatenate(self._numbers)
        order = np.argsort(numbers, kind="stable")
        rows = pa.concat_tables(self._rows).take(order)
        self._rows, self._numbers = [], []
        distinct, starts = np.unique(numbers[order], return_index=True)
        for number, (start, end) in zip(distinct.tolist(), pairwise([*starts, len(order)]), strict=True):
            pq.write_table(rows.slice(start, end - start), self._piece(number, self.pieces[number]), compression="zstd")
            self.pieces[number] += 1

    def _piece(self, number: int, piece: int) -> Path:
        return self.folder / f"{number}-{piece}.parquet"
