"""Pictures that came several times: the web repeats them, at other addresses, in other sizes and compressions.

1. Images of other splits than train stay, and stand before those of train; so do images of earlier runs.
2. Of images of equal bytes the first stays.
3. Of these, an image is a duplicate if its perceptual hash is within a distance of that of one that stays and stands
   before it (`storage/near_duplicates.py`).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.storage.near_duplicates import first_of_kind
from pipeline.storage.perceptual_hash import near
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.splits import TRAIN

COMPARED = ["sha256", "phash"]


def is_duplicate(manifest: pa.Table, distance: int, earlier: pa.Table | None = None) -> np.ndarray:
    """Whether each row's image is a duplicate, bool [N]. The order of the rows decides which one stays.

    distance: bits in which hashes of like images may differ. earlier: images that stand before all, and stay.
    """
    table = manifest.select([*COMPARED, "split"]).append_column("row", pa.array(np.arange(manifest.num_rows)))
    others = table.filter(pc.field("split") != TRAIN).select(COMPARED)
    standing = pa.concat_tables([others, (earlier or MANIFEST.schema.empty_table()).select(COMPARED)])
    train = table.filter(pc.field("split") == TRAIN)
    new = train.filter(~pc.field("sha256").isin(standing["sha256"].combine_chunks()))
    first = new.group_by("sha256").aggregate([("row", "min")])["row_min"].to_numpy()
    rows = np.sort(first)
    hashes = manifest["phash"].to_numpy()[rows]
    unlike = near(hashes, standing["phash"].to_numpy(), distance) < 0
    rows = rows[unlike]
    rows = rows[first_of_kind(hashes[unlike], distance)]
    found = np.zeros(manifest.num_rows, bool)
    found[train["row"].to_numpy()] = True
    found[rows] = False
    return found
