"""A table of boxes from a detector or annotators: key, box_id, box, score.

A row that cannot be used is left out with its reason; an image whose rows were all left out gets no box.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.files import existing_file
from pipeline.storage.boxes import area
from pipeline.tables.triplets import BOXES
from pipeline.triplets.generate.params import FileBoxes

BoxTable = dict[str, list[list[float]]]
"""Boxes of each image by its key, best first."""

NO_KEY = "no key or box_id"
NO_NUMBER = "box or score is no number"
OUTSIDE = "box outside the image"
NO_AREA = "box without area"
REPEATED = "repeated box_id"


@dataclass(frozen=True)
class BadBox:
    """A row that was left out: what is wrong with it, and the row itself."""

    reason: str
    row: Mapping[str, Any]


def box_table(params: FileBoxes, root: Path) -> Path:
    """Where the table of boxes lies. Raises UserError if it is not there."""
    return existing_file(
        root / params.path,
        "The table of boxes is missing.",
        expected="a Parquet table key, box_id, box, score",
        fix="put it there, or set generate.boxes.kind to grid",
    )


def read_boxes(path: Path) -> tuple[BoxTable, list[BadBox]]:
    """All sound boxes by image, best score first, equal scores in the order of box_id; and the rows left out.

    Of rows with one key and box_id the first sound one counts. Raises UserError for a damaged file.
    """
    ranked: dict[str, dict[int, tuple[float, int, list[float]]]] = defaultdict(dict)
    bad: list[BadBox] = []
    for row in BOXES.read_unchecked(path).to_pylist():
        reason = fault(row)
        if not reason and row["box_id"] in ranked[row["key"]]:
            reason = REPEATED
        if reason:
            bad.append(BadBox(reason, row))
        else:
            ranked[row["key"]][row["box_id"]] = (-row["score"], row["box_id"], row["box"])
    return {key: [box for _, _, box in sorted(boxes.values())] for key, boxes in ranked.items()}, bad


def fault(row: Mapping[str, Any]) -> str:
    """What is wrong with a row by itself; empty if nothing is."""
    box, score = row["box"], row["score"]
    if row["key"] is None or row["box_id"] is None:
        return NO_KEY
    if box is None or not all(number is not None and math.isfinite(number) for number in (*box, score)):
        return NO_NUMBER
    if not all(0 <= corner <= 1 for corner in box):
        return OUTSIDE
    return "" if area(box) > 0 else NO_AREA


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
