"""Images that are taken out of finished shards, once all are known: what a benchmark shows, and duplicates.

Whether an image is wanted depends on images of other shards, so this comes after packing. A shard that holds an
unwanted image is written anew, and the image goes to the table of dropped items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.fetch.packing.decontaminate import Benchmarks, in_benchmark
from pipeline.fetch.packing.dropped import DUPLICATE_IMAGE, IN_BENCHMARK
from pipeline.fetch.packing.duplicates import COMPARED, is_duplicate
from pipeline.storage.shards import remove_images
from pipeline.tables.pairs import DROPPED, MANIFEST


@dataclass(frozen=True)
class Unwanted:
    """Which images are left out. None, for either: nothing is left out for that reason.

    earlier: images that stand before all others, and stay; they are not in the manifests that are asked about.
    """

    benchmarks: Benchmarks | None = None
    duplicate_distance: int | None = None
    earlier: pa.Table | None = None

    def reasons(self, manifest: pa.Table) -> np.ndarray:
        """For each row of a manifest the reason for which its image is left out, or an empty text."""
        found = np.full(manifest.num_rows, "", object)
        if self.benchmarks is not None:
            found[in_benchmark(manifest, self.benchmarks)] = IN_BENCHMARK
        if self.duplicate_distance is not None:
            wanted = np.flatnonzero(found == "")
            compared = manifest.select([*COMPARED, "split"]).filter(pa.array(found == ""))
            duplicate = is_duplicate(compared, self.duplicate_distance, self.earlier)
            found[wanted[duplicate]] = DUPLICATE_IMAGE
        return found


def without(
    manifest: pa.Table, reasons: np.ndarray, sources: Mapping[str, str], into: Path
) -> tuple[pa.Table, pa.Table]:
    """The manifest without the images that have a reason, and their dropped rows.

    The rows of one shard stand together, in the order of its tar. sources: the source of each shard's images. The
    shards below `into` are written anew where images are taken out.
    """
    left_out = reasons != ""
    shards = manifest["shard"].combine_chunks().dictionary_encode()
    codes, names = shards.indices.to_numpy(), shards.dictionary.to_pylist()
    offsets = manifest["offset"].to_numpy().copy()
    for first, last in pairwise([0, *(np.flatnonzero(np.diff(codes)) + 1), len(codes)]):
        if left_out[first:last].any():
            rows = np.arange(first, last)
            keys = set(manifest["key"].take(pa.array(rows[left_out[first:last]])).to_pylist())
            offsets[rows[~left_out[first:last]]] = list(
                remove_images(into / f"{names[codes[first]]}.tar", keys).values()
            )
    moved = manifest.set_column(MANIFEST.schema.get_field_index("offset"), "offset", pa.array(offsets))
    taken = manifest.select(["key", "url"]).filter(pa.array(left_out))
    of_shard = np.array([sources[name] for name in names], object)
    more = {
        "source": of_shard[codes[left_out]],
        "reason": reasons[left_out],
        "permanent": np.ones(taken.num_rows, bool),
    }
    dropped = pa.table({"key": taken["key"], "url": taken["url"], **{name: pa.array(more[name]) for name in more}})
    return moved.filter(pa.array(~left_out)), DROPPED.build(dropped)
