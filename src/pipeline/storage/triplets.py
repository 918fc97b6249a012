"""The one reader of a folder of kept triplets, whoever learns from it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.storage.shards import MANIFEST_FILE, ImageShards
from pipeline.tables.table import Table
from pipeline.tables.triplets import KEPT_DC, KEPT_QA, SPLIT, files_of_shards

SUFFIX = {KEPT_QA.name: "qa", KEPT_DC.name: "dc"}


def triplet_files(table: Table, folder: Path, shards: ImageShards, stage: str, without: str) -> dict[str, Path]:
    """The file of one kind (KEPT_QA or KEPT_DC) of each shard of training images, by the shard's name.

    `stage` asks for them, and `without` says how its parameters ask for none. Raises UserError if there is no such
    file, if a shard of training images has none, or if there is one of a shard that is not among the images'.
    """
    ending = f"-{SUFFIX[table.name]}.parquet"
    pattern = f"*{ending}"
    if not any(folder.glob(pattern)):
        raise UserError(
            f"The parameters of {stage} ask for {table.name}, but the folder of triplets has none.",
            where=folder / pattern,
            expected="the triplets that inputs.triplets names",
            fix=f"set inputs.triplets to data/triplets or to an imported set, or {without}",
        )
    fix = "run `dvc repro filter`, or import the triplets again, so that both come from the same pairs"
    names = shards.shards(SPLIT)
    others = sorted({path.name.removesuffix(ending) for path in folder.glob(pattern)}.difference(shards.shards()))
    if others:
        raise UserError(
            f"The folder of triplets has {table.name} of shards that are not there.",
            where=f"{folder} and {shards.folder / MANIFEST_FILE}",
            found=f"{len(others)} other shards, the first is {others[0]}",
            fix=fix,
        )
    return dict(zip(names, files_of_shards(folder, SUFFIX[table.name], names, fix), strict=True))


def read_triplets(table: Table, folder: Path, shards: ImageShards, stage: str, without: str) -> pa.Table:
    """All rows of one kind in a folder of triplets, about images of `shards`.

    Raises UserError as `triplet_files` does, or, naming both tables, if a row's image is not among the shards'.
    """
    triplet_files(table, folder, shards, stage, without)
    rows = table.read_folder(folder, f"*-{SUFFIX[table.name]}.parquet")
    table.check_images(rows, shards.keys, folder, shards.folder / MANIFEST_FILE)
    return rows
