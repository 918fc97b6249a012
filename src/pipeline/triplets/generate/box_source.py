"""The source of boxes that the parameters choose: grid, table, or detector.

An image without a sound box in a table gets none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image

from pipeline.core.files import existing_file
from pipeline.triplets.generate.box_table import BoxTable, box_table, read_boxes
from pipeline.triplets.generate.grid import grid_boxes
from pipeline.triplets.generate.params import BoxSourceParams, DetectorBoxes, FileBoxes, GridBoxes


class BoxSource(Protocol):
    """Finds the boxes of a batch of images."""

    def find(self, images: Sequence[Image.Image], keys: Sequence[str]) -> list[list[list[float]]]:
        """Boxes of every image, as fractions of it."""
        ...

    def count(self, keys: Sequence[str]) -> int:
        """How many boxes images have together, as far as that is known before they are looked at."""
        ...


@dataclass(frozen=True)
class GridSource:
    """The same windows for every image."""

    params: GridBoxes

    def find(self, images: Sequence[Image.Image], keys: Sequence[str]) -> list[list[list[float]]]:
        """All windows, for every image."""
        return [grid_boxes(self.params) for _ in images]

    def count(self, keys: Sequence[str]) -> int:
        """All windows, as often as there are images."""
        return len(grid_boxes(self.params)) * len(keys)


@dataclass(frozen=True)
class TableSource:
    """Boxes looked up by the image's key."""

    table: BoxTable
    top_n: int

    def find(self, images: Sequence[Image.Image], keys: Sequence[str]) -> list[list[list[float]]]:
        """The best boxes of every image; none for an image without a sound box in the table."""
        return [self.table.get(key, [])[: self.top_n] for key in keys]

    def count(self, keys: Sequence[str]) -> int:
        """The boxes of these images that are used."""
        return sum(map(len, self.find([], keys)))


def weights_file(params: DetectorBoxes, root: Path) -> Path:
    """Where a detector's weights lie. Raises UserError if they are not there."""
    return existing_file(
        root / params.weights,
        "The detector's weights are missing.",
        expected=f"the state of torchvision's {params.model}",
        fix="put them there, or set generate.boxes.kind to grid",
    )


def box_files(params: BoxSourceParams, root: Path) -> tuple[Path, ...]:
    """The file that the boxes depend on, if any: a table or a detector's weights. Raises UserError if it is missing."""
    if isinstance(params, FileBoxes):
        return (box_table(params, root),)
    if isinstance(params, DetectorBoxes):
        return (weights_file(params, root),)
    return ()


def box_source(params: BoxSourceParams, root: Path) -> BoxSource:
    """The source that the parameters choose. Raises UserError if its file is missing or damaged."""
    if isinstance(params, FileBoxes):
        table, _ = read_boxes(box_table(params, root))
        return TableSource(table, params.top_n)
    if isinstance(params, DetectorBoxes):
        from pipeline.core.settings import machine
        from pipeline.triplets.generate.detector import Detector

        return Detector.load(params, weights_file(params, root), machine().device)
    return GridSource(params)
