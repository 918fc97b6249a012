"""A table of boxes from a detector or annotators: key, box_id, box, score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.files import existing_file
from pipeline.storage.boxes import Box, area
from pipeline.tables.triplets import BOXES
from pipeline.triplets.generate.params import FileBoxes

BoxTable = dict[str, list[list[float]]]
"""Boxes of each image by its key, best first."""


def box_table(params: FileBoxes, root: Path) -> Path:
    """Where the table of boxes lies. Raises UserError if it is not there."""
    return existing_file(
        root / params.path,
        "The table of boxes is missing.",
        expected="a Parquet table key, box_id, box, score",
        fix="put it there, or set generate.boxes.kind to grid",
    )


def read_boxes(path: Path) -> BoxTable:
    """All boxes by image, best score first; equal scores in the order of box_id.

    Raises UserError for a damaged file, or a box outside its image or without area.
    """
    ranked: dict[str, list[tuple[float, int, list[float]]]] = defaultdict(list)
    for row in BOXES.read(path).to_pylist():
        ranked[row["key"]].append((-row["score"], row["box_id"], _checked(row["box"], path, row["key"])))
    return {key: [box for _, _, box in sorted(boxes)] for key, boxes in ranked.items()}


def check_known(table: BoxTable, keys: Collection[str], path: Path) -> None:
    """Raise UserError if the table knows none of a data set's images: its keys must be another set's."""
    if keys and not any(key in table for key in keys):
        raise UserError(
            "The table of boxes knows none of the images.",
            where=path,
            expected=f"keys of data/pairs, such as {min(keys)!r}",
            found=f"{min(table)!r}" if table else "no row",
            fix="write it with the keys of data/pairs/manifest.parquet",
        )


def _checked(box: Box, path: Path, key: str) -> list[float]:
    if not all(0 <= corner <= 1 for corner in box) or area(box) <= 0:
        raise UserError(
            "A box does not lie in its image.",
            where=f"{path}, key {key!r}",
            expected="x1 < x2, y1 < y2, all from 0 to 1 (fractions of the image)",
            found=list(box),
        )
    return list(box)
