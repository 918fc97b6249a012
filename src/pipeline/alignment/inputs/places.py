"""Where the images of a split lie: which shard, and which of its rows.

Whatever is prepared for images lies in one file per shard, mapped into memory, with a row for each image of the shard
in the order of its tar. So the row of an image in the manifest, four bytes, says where all that belongs to it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Places:
    """The images of a split, numbered from 0.

    rows: [images] int32, their rows in the manifest, ascending; shards: names of all shards; starts: [shards], the row
    at which each of them begins, ascending.
    """

    rows: np.ndarray
    shards: Sequence[str]
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, number: int) -> tuple[str, int]:
        """The shard of an image, and its row there."""
        row = int(self.rows[number])
        shard = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.shards[shard], row - int(self.starts[shard])

    def by_shard(self) -> dict[str, np.ndarray]:
        """The rows of the images in each shard that has some, in order."""
        shards = np.searchsorted(self.starts, self.rows, side="right") - 1
        firsts = np.flatnonzero(np.diff(shards, prepend=-1))
        numbers: list[int] = shards[firsts].tolist()
        parts = zip(numbers, np.split(self.rows, firsts)[1:], strict=True)
        return {self.shards[number]: part - self.starts[number] for number, part in parts}
