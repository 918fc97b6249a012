"""Whether a benchmark may be called zero-shot: nothing like its images was learned from, and that was looked for.

1. Its images are compared with all images of the pairs, by their bytes and by their perceptual hashes.
2. Triplets that were generated here come from models that learned from annotations. `fetch_annotations` drops images
   that a benchmark shows, if its `benchmark_distance` says so; it must have done that at least as widely.
3. Of imported triplets nobody knows what images their generator had seen, so they are never called zero-shot.

What the pretrained encoders saw is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.core.settings import Inputs
from pipeline.evaluation.retrieval.benchmark import Benchmark
from pipeline.storage.perceptual_hash import near


class Seen(NamedTuple):
    """What the model learned from: a manifest of images, and whether the generator's images were compared elsewhere.

    distance: bits in which the hashes of images that look alike may differ; None: they are not compared.
    """

    manifest: pa.Table
    distance: int | None
    generator_compared: bool


def overlap(benchmark: Benchmark, seen: Seen) -> dict[str, int | bool]:
    """How many of the benchmark's images were learned from, byte for byte and by their looks; whether it is zero-shot.

    Images that look alike are counted only if they are compared.
    """
    trained_on = set(seen.manifest["sha256"].to_pylist())
    equal = sum(digest in trained_on for digest in benchmark.sha256)
    if seen.distance is None:
        return {"images_also_in_training": equal, "zero_shot": False}
    alike = near(np.array(benchmark.phash, np.uint64), seen.manifest["phash"].to_numpy(), seen.distance) >= 0
    return {
        "images_also_in_training": equal,
        "images_alike_in_training": int(alike.sum()),
        "zero_shot": not equal and not alike.any() and seen.generator_compared,
    }


def generator_compared(inputs: Inputs, fetch_annotations: Mapping[str, Any], distance: int | None) -> bool:
    """Whether no image within `distance` of a benchmark's can have reached the model through triplets.

    fetch_annotations: that section of the parameters.
    """
    if inputs.triplets != "data/triplets":
        return inputs.triplets == "data/raw/triplets/none"
    dropped = fetch_annotations.get("benchmark_distance")
    return distance is not None and isinstance(dropped, int) and dropped >= distance
