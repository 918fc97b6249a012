"""What a benchmark shares with what was learned from, and when it may be called zero-shot."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pipeline.core.settings import Inputs
from pipeline.evaluation.retrieval.benchmark import Benchmark, read_benchmark
from pipeline.evaluation.retrieval.zero_shot import Seen, generator_compared, overlap
from pipeline.storage.shards import ImageShards, ShardWriter
from pipeline.tables.pairs import MANIFEST


def picture(seed: int, quality: int = 95, width: int = 160) -> bytes:
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8))
    stream = io.BytesIO()
    small.resize((320, 240), Image.Resampling.BICUBIC).resize((width, width * 3 // 4)).save(
        stream, "JPEG", quality=quality
    )
    return stream.getvalue()


def manifest(folder: Path, pictures: list[bytes]) -> pa.Table:
    with ShardWriter(folder / "test-00000.tar", "test") as writer:
        for number, data in enumerate(pictures):
            writer.add(str(number), data, ["a dog"])
    MANIFEST.write(folder / "manifest.parquet", writer.manifest())
    return writer.manifest()


def benchmark(tmp_path: Path, seeds: list[int]) -> Benchmark:
    manifest(tmp_path / "benchmark", [picture(seed) for seed in seeds])
    found = read_benchmark(ImageShards(tmp_path / "benchmark"), "b", "test")
    assert found is not None
    return found


def test_a_smaller_and_compressed_copy_is_no_zero_shot(tmp_path: Path) -> None:
    trained_on = manifest(tmp_path / "pairs", [picture(1), picture(2, quality=60, width=96), picture(9)])
    found = overlap(benchmark(tmp_path, [1, 2, 3, 4]), Seen(trained_on, 6, True))
    assert found == {"images_also_in_training": 1, "images_alike_in_training": 2, "zero_shot": False}


@pytest.mark.parametrize(("generator", "label"), [(True, True), (False, False)])
def test_other_images_are_zero_shot_if_the_generators_were_compared_too(
    tmp_path: Path, generator: bool, label: bool
) -> None:
    found = overlap(benchmark(tmp_path, [1, 2]), Seen(manifest(tmp_path / "pairs", [picture(3)]), 6, generator))
    assert found == {"images_also_in_training": 0, "images_alike_in_training": 0, "zero_shot": label}


def test_what_is_not_compared_is_no_zero_shot(tmp_path: Path) -> None:
    found = overlap(benchmark(tmp_path, [1]), Seen(manifest(tmp_path / "pairs", [picture(3)]), None, True))
    assert found == {"images_also_in_training": 0, "zero_shot": False}


@pytest.mark.parametrize(
    ("triplets", "dropped", "distance", "compared"),
    [
        ("data/triplets", 6, 6, True),
        ("data/triplets", 8, 6, True),
        ("data/triplets", 4, 6, False),
        ("data/triplets", None, 0, False),
        ("data/triplets", 0, None, False),
        ("data/raw/triplets/none", None, 6, True),
        ("data/raw/triplets/cc3m-qa-dc", 6, 6, False),
    ],
)
def test_the_images_behind_triplets(triplets: str, dropped: int | None, distance: int | None, compared: bool) -> None:
    inputs = Inputs(datasets="d", encoders="e", triplets=triplets, pretrained="models/pretrained")
    assert generator_compared(inputs, {"benchmark_distance": dropped}, distance) is compared
