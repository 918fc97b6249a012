"""The boxes of a batch of images: those of a grid, or those that the table of a shard gives (`boxes_by_shard.py`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.tables.triplets import BOXES
from pipeline.triplets.generate.grid import grid_boxes
from pipeline.triplets.generate.params import BoxSourceParams, GridBoxes


class BoxSource(Protocol):
    """Finds the boxes of a batch of images."""

    def find(self, keys: Sequence[str]) -> list[list[list[float]]]:
        """Boxes of every image, as fractions of it."""
        ...


@dataclass(frozen=True)
class GridSource:
    """The same windows for every image."""

    params: GridBoxes

    def find(self, keys: Sequence[str]) -> list[list[list[float]]]:
        """All windows, for every image."""
        return [grid_boxes(self.params) for _ in keys]


@dataclass(frozen=True)
class TableSource:
    """Boxes looked up by the image's key, best first; none for an image without a box in the table."""

    table: dict[str, list[list[float]]]
    top_n: int

    @staticmethod
    def read(path: Path, top_n: int) -> TableSource:
        """The boxes of a shard, best score first, equal scores in the order of box_id. Raises UserError if damaged."""
        ranked: dict[str, list[tuple[float, int, list[float]]]] = defaultdict(list)
        for row in BOXES.read(path).to_pylist():
            ranked[row["key"]].append((-row["score"], row["box_id"], row["box"]))
        return TableSource({key: [box for _, _, box in sorted(boxes)] for key, boxes in ranked.items()}, top_n)

    def find(self, keys: Sequence[str]) -> list[list[list[float]]]:
        """The best boxes of every image."""
        return [self.table.get(key, [])[: self.top_n] for key in keys]


def box_source(params: BoxSourceParams, files: Sequence[Path]) -> BoxSource:
    """The source for one shard; files: its table of boxes, unless a grid has them."""
    if isinstance(params, GridBoxes):
        return GridSource(params)
    return TableSource.read(files[0], params.top_n)
