"""Images that a benchmark shows too are dropped from what is trained on.

Data sets share photographs (Visual Genome and VQAv2 those of COCO), and the web holds copies of all of them, in other
sizes and compressions. A model that has seen a benchmark's images is measured too well. So all packed images are
compared with those of all benchmarks by their perceptual hashes (`storage/perceptual_hash.py`), and what differs in few
bits is left out (`leave_out.py`).

Few bits are no proof: plain pictures (a white ground, a gradient) have like hashes whatever they show. That costs
training images, never a wrong figure.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.storage.perceptual_hash import near
from pipeline.storage.shards import MANIFEST_FILE
from pipeline.tables.pairs import MANIFEST
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


def in_benchmark(manifest: pa.Table, benchmarks: Benchmarks) -> np.ndarray:
    """Whether each row's image is one that a benchmark shows, bool [N].

    The split test stays as it is: it is measured, as benchmarks are.
    """
    found = near(manifest["phash"].to_numpy(), benchmarks.hashes, benchmarks.distance) >= 0
    return found & (manifest["split"].to_numpy() != TEST)
