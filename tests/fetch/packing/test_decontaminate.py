"""Images that a benchmark shows are dropped from what is trained on: copies, smaller and compressed ones too."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.fetch.stages.pairs import fetch_pairs
from pipeline.fetch.stages.pairs_params import FetchPairsParams
from pipeline.storage.shards import ImageShards, ShardWriter, stream_shard
from pipeline.tables.pairs import DROPPED, MANIFEST


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")


def picture(seed: int, width: int = 160, quality: int = 90) -> bytes:
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    image = Image.fromarray(small).resize((320, 240), Image.Resampling.BICUBIC).resize((width, width * 3 // 4))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def benchmark(root: Path, seeds: list[int]) -> None:
    folder = root / "data/benchmarks/b"
    with ShardWriter(folder / "test-00000.tar", "test") as writer:
        for seed in seeds:
            writer.add(f"b-{seed}", picture(seed, 240, 95), ["a dog"])
    MANIFEST.write(folder / "manifest.parquet", writer.manifest())


def pairs(root: Path, shards: list[list[int]], **more: Any) -> FetchPairsParams:
    """Packed shards with pictures of these seeds."""
    for number, seeds in enumerate(shards):
        with ShardWriter(root / f"raw/{number:04d}.tar", "train") as writer:
            for seed in seeds:
                writer.add(f"{number}{seed}", picture(seed), [f"a dog of number {seed}"], f"http://h/{seed}")
    source = {"kind": "webdataset", "name": "x", "location": "raw"}
    return FetchPairsParams.model_validate({"sources": [source], **more})


def test_what_a_benchmark_shows_is_taken_out_of_its_shards(tmp_path: Path) -> None:
    benchmark(tmp_path, [1, 5, 6])
    given = pairs(tmp_path, [[0, 1, 2], [3, 4], [5, 6]], benchmark_distance=4)
    metrics = fetch_pairs(given, tmp_path, tmp_path / "pairs", tmp_path / "scratch")
    assert metrics["images"] == {"train": 4} and metrics["dropped"] == {"image in a benchmark": 3}
    shards = ImageShards(tmp_path / "pairs")
    assert shards.shards() == ["train-00000", "train-00001"]
    assert [key for shard in shards.shards() for key, _ in stream_shard(shards.path(shard))] == [
        "x-00",
        "x-02",
        "x-13",
        "x-14",
    ]
    assert shards.jpeg("x-02") == picture(2) and shards.jpeg("x-14") == picture(4)
    assert not (tmp_path / "pairs/train-00002.tar").exists()
    dropped = DROPPED.read(tmp_path / "pairs/dropped.parquet").to_pylist()
    assert [(row["key"], row["url"]) for row in dropped] == [
        ("x-01", "http://h/1"), ("x-25", "http://h/5"), ("x-26", "http://h/6")
    ]  # fmt: skip
    again = fetch_pairs(given, tmp_path, tmp_path / "again", tmp_path / "scratch")
    assert again == metrics


def test_nothing_is_compared_unless_asked_for(tmp_path: Path) -> None:
    benchmark(tmp_path, [1])
    metrics = fetch_pairs(pairs(tmp_path, [[0, 1]]), tmp_path, tmp_path / "pairs", tmp_path / "scratch")
    assert metrics["images"] == {"train": 2}


def test_without_a_benchmark_nothing_can_be_compared(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no benchmark to compare"):
        fetch_pairs(pairs(tmp_path, [[0]], benchmark_distance=4), tmp_path, tmp_path / "pairs", tmp_path / "scratch")
