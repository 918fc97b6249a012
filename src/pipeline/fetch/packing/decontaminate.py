"""Images that a benchmark shows too are dropped from what is trained on.

Data sets share photographs (Visual Genome and VQAv2 those of COCO), and the web holds copies of all of them, in other
sizes and compressions. A model that has seen a benchmark's images is measured too well. So all packed images are
compared with those of all benchmarks by their perceptual hashes (`storage/perceptual_hash.py`), and what differs in few
bits is taken out of its shard, which is written anew, and goes to the table of dropped items.

Few bits are no proof: plain pictures (a white ground, a gradient) have like hashes whatever they show. That costs
training images, never a wrong figure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.fetch.packing.dropped import IN_BENCHMARK, dropped_row
from pipeline.storage.perceptual_hash import near
from pipeline.storage.shards import MANIFEST_FILE, remove_images
from pipeline.tables.pairs import DROPPED, MANIFEST
from pipeline.tables.splits import TEST


class Benchmarks(NamedTuple):
    """The hashes of all benchmarks' images, uint64, and how many bits may differ."""

    hashes: np.ndarray
    distance: int


def read_benchmarks(root: Path, distance: int | None) -> Benchmarks | None:
    """The images of all benchmarks of a repository; None if nothing is to be compared.

    Raises UserError if there is no benchmark.
    """
    if distance is None:
        return None
    folder = root / "data" / "benchmarks"
    manifests = sorted(folder.glob(f"*/{MANIFEST_FILE}"))
    if not manifests:
        raise UserError(
            "There is no benchmark to compare with.",
            where=folder,
            fix="run `dvc repro fetch_benchmarks`, or leave `benchmark_distance` at null",
        )
    return Benchmarks(pa.concat_tables(map(MANIFEST.read, manifests))["phash"].to_numpy(), distance)


def without_benchmarks(
    manifest: pa.Table, benchmarks: Benchmarks, sources: Mapping[str, str], into: Path
) -> tuple[pa.Table, pa.Table]:
    """The manifest without the images that a benchmark shows, and their dropped rows.

    sources: the source of each shard's images. The shards below `into` are written anew where images are taken out. The
    split test stays as it is: it is measured, as benchmarks are.
    """
    found = near(manifest["phash"].to_numpy(), benchmarks.hashes, benchmarks.distance) >= 0
    found &= manifest["split"].to_numpy() != TEST
    taken = manifest.filter(pa.array(found))
    keys: dict[str, set[str]] = defaultdict(set)
    for row in taken.select(["shard", "key"]).to_pylist():
        keys[row["shard"]].add(row["key"])
    offsets = {key: at for shard in keys for key, at in remove_images(into / f"{shard}.tar", keys[shard]).items()}
    kept = manifest.filter(pa.array(~found))
    moved = [offsets.get(key, at) for key, at in zip(kept["key"].to_pylist(), kept["offset"].to_pylist(), strict=True)]
    kept = kept.set_column(kept.schema.get_field_index("offset"), "offset", pa.array(moved, pa.int64()))
    rows = [dropped_row(sources[row["shard"]], row["key"], row["url"], IN_BENCHMARK) for row in taken.to_pylist()]
    return kept, DROPPED.build(rows)
