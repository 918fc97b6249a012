"""Boxes as one table per shard, before the generator begins.

The user's table is split (`box_table.py`); a detector is asked once (`detect.py`), and what it found is kept in the
scratch as the results of all steps are, so that another generator asks no detector. A grid needs no tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.core.files import remove
from pipeline.execution.shard_map import map_shards
from pipeline.storage.shards import ImageShards
from pipeline.triplets.generate.box_table import split_table
from pipeline.triplets.generate.detect import DetectStep
from pipeline.triplets.generate.params import DetectorBoxes, FileBoxes, GenerateParams


@contextmanager
def boxes_by_shard(
    params: GenerateParams, root: Path, pairs: ImageShards, shards: Sequence[str], scratch: Path
) -> Iterator[tuple[Path | None, dict[str, int]]]:
    """A folder with the table `<shard>.parquet` of each of `shards`, for as long as the block lasts; None for a grid.

    With it, how many boxes of the user's table were left out, by reason. Raises UserError as `split_table` and
    `Detector.load` do.
    """
    folder, dropped = scratch / "boxes", dict[str, int]()
    remove(folder)
    try:
        if isinstance(params.boxes, FileBoxes):
            dropped = split_table(params.boxes, root, pairs.folder, folder)
        elif isinstance(params.boxes, DetectorBoxes):
            step = DetectStep(params.boxes, params.images_per_batch, root)
            map_shards(step, step.shards(pairs, shards), into={"boxes": folder}, scratch=scratch)
        yield folder if folder.is_dir() else None, dropped
    finally:
        remove(folder)
