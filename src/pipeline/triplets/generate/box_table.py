"""A table of boxes from a detector or annotators (key, box_id, box, score), split into one table per shard.

A row that cannot be used is left out and counted by its reason; an image whose rows were all left out gets no box. Of
rows with one key and box_id the first sound one counts. The table is read once, as a stream, and may be in any order.
Rows of images that are not among the pairs go to OTHERS further parts, so that their repeated rows are counted as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.core.files import existing_file, temporary_folder
from pipeline.fetch.packing.dropped import count_reasons
from pipeline.tables.triplets import BOXES
from pipeline.triplets.by_shard.checks import Tally, corners, first_of_each, missing, sound
from pipeline.triplets.by_shard.index import UNKNOWN, ImageIndex
from pipeline.triplets.by_shard.partition import Partition
from pipeline.triplets.by_shard.streams import batches
from pipeline.triplets.generate.params import FileBoxes

NO_KEY = "no key or box_id"
NO_NUMBER = "box or score is no number"
OUTSIDE = "box outside the image"
NO_AREA = "box without area"
REPEATED = "repeated box_id"
OTHERS = 64


def box_table(params: FileBoxes, root: Path) -> Path:
    """Where the table of boxes lies. Raises UserError if it is not there."""
    return existing_file(
        root / params.path,
        "The table of boxes is missing.",
        expected="a Parquet table key, box_id, box, score",
        fix="put it there, or set generate.boxes.kind to grid",
    )


def split_table(params: FileBoxes, root: Path, pairs: Path, into: Path) -> dict[str, int]:
    """Write the sound boxes of every shard of `pairs` as `into/<shard>.parquet`; returns how many were left out.

    The number is given by reason, and a line tells it. Raises UserError if the table is missing or damaged, if more
    than `max_dropped_share` of its boxes are bad, or if it knows none of the images.
    """
    path, images, tally = box_table(params, root), ImageIndex.of(pairs), Tally(params.path)
    kept, known, smallest = 0, False, ""
    with temporary_folder(into / "parts") as folder:
        parts = Partition(folder, BOXES.schema)
        for rows in batches(BOXES, path):
            rows = sound(rows, faults(rows), tally)
            known = known or bool((images.find(rows["key"]) != UNKNOWN).any())
            smallest = min(filter(None, [smallest, *rows["key"].unique().to_pylist()]), default="")
            parts.add(rows, images.shards_of(rows["key"], OTHERS))
        for number in range(len(images.shards) + OTHERS):
            rows = first_of_each(parts.take(number), BOXES.key, REPEATED, tally)
            kept += rows.num_rows
            if number < len(images.shards):
                BOXES.write(into / f"{images.shards[number]}.parquet", rows)
    tally.check(kept, path, params.max_dropped_share, "generate.boxes.max_dropped_share")
    if not known:
        raise UserError(
            "The table of boxes knows none of the images.",
            where=path,
            expected=f"keys of data/pairs, such as {images.smallest!r}",
            found=repr(smallest) if smallest else "no row",
            fix="write it with the keys of data/pairs/manifest.parquet",
        )
    if bad := tally.counts.total():
        print(f"generate: {bad} of {kept + bad} boxes of {params.path} are left out: {tally.summary()}", flush=True)
    return count_reasons(tally.counts.elements())


def faults(rows: pa.Table) -> Sequence[tuple[str, Any]]:
    """What may be wrong with rows by themselves, each with a mask [rows]."""
    box, score = corners(rows), rows["score"].to_numpy()
    sides = np.maximum(0.0, box[:, 2:] - box[:, :2])
    return [
        (NO_KEY, missing(rows, "key") | missing(rows, "box_id")),
        (NO_NUMBER, ~np.isfinite(box).all(axis=1) | ~np.isfinite(score)),
        (OUTSIDE, ~((box >= 0) & (box <= 1)).all(axis=1)),
        (NO_AREA, ~(sides[:, 0] * sides[:, 1] > 0)),
    ]
