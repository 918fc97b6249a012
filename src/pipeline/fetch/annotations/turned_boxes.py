"""Boxes of pictures that were turned upright when they were stored.

A camera may store a picture rotated or mirrored and say so in EXIF (orientation 2 to 8). The stored shard holds it
upright, so boxes that were measured before the rotation must be rotated with it. The annotated width and height tell
which of the two was measured: if they are the file's own, the box is rotated; if they are upright already, it stays.
Where both are equal (mirrored, upside down, square) the box is ambiguous and dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.fetch.packing.dropped import Ledger
from pipeline.fetch.packing.pack import Turned
from pipeline.storage.boxes import FULL_IMAGE

BOX_OF_TURNED = "box of a turned image"
IMAGE_LEFT_OUT = "its image was left out"

UPRIGHT: dict[int, Callable[[float, float], tuple[float, float]]] = {
    5: lambda x, y: (y, x),
    6: lambda x, y: (1 - y, x),
    7: lambda x, y: (1 - y, 1 - x),
    8: lambda x, y: (y, 1 - x),
}
"""From a point of the picture as the file holds it to the upright one, by EXIF orientation; both as fractions."""


@dataclass(frozen=True)
class StoredBoxes:
    """What became of a source's images: the keys that were kept, those that were turned, and their boxes' sizes."""

    kept: frozenset[str]
    turned: Mapping[str, Turned]
    box_sizes: Mapping[str, tuple[float, float] | None]

    def apply(self, table: pa.Table, kind: str, ledger: Ledger) -> pa.Table:
        """Drop regions or questions whose image or box is unusable; turn the other boxes like their stored images."""
        keys = table["key"].to_pylist()
        if not self.turned and self.kept.issuperset(keys):
            return table
        odd = np.array([key in self.turned or key not in self.kept for key in keys], bool)
        rows: list[Mapping[str, Any]] = []
        positions = list(np.flatnonzero(~odd))
        for position, row in zip(np.flatnonzero(odd), table.filter(pa.array(odd)).to_pylist(), strict=True):
            box = self.upright(row["key"], row["box"]) if row["key"] in self.kept else None
            if row["key"] not in self.kept or (row["box"] is not None and box is None):
                reason = BOX_OF_TURNED if row["key"] in self.kept else IMAGE_LEFT_OUT
                ledger.drop(f"{row['key']}/{kind}/{row[f'{kind}_id']}", reason)
                continue
            rows.append({**row, "box": box})
            positions.append(position)
        changed = pa.Table.from_pylist(rows, schema=table.schema)
        return pa.concat_tables([table.filter(pa.array(~odd)), changed]).take(pa.array(np.argsort(positions)))

    def upright(self, key: str, box: list[float] | None) -> list[float] | None:
        """A box of a turned image as its image is stored, or None if nothing tells how it was measured."""
        if box is None or box == list(FULL_IMAGE):
            return box
        turned, size = self.turned[key], self.box_sizes.get(key)
        if turned.orientation not in UPRIGHT or turned.width == turned.height:
            return None
        if size == (turned.width, turned.height):
            return box
        return turn(box, turned.orientation) if size == (turned.height, turned.width) else None


def turn(box: list[float], orientation: int) -> list[float]:
    """A box measured on the picture as the file holds it, on the upright picture."""
    (x1, y1), (x2, y2) = (UPRIGHT[orientation](box[i], box[i + 1]) for i in (0, 2))
    return [min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)]
