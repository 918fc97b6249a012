"""One benchmark's images and captions, and its retrieval metrics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from pipeline.core.errors import UserError
from pipeline.metrics.expected_recall import BoolArray, chance_recall, expected_recall
from pipeline.metrics.recalls import recall_metrics, rounded
from pipeline.metrics.retrieval import IntArray, Ranks
from pipeline.storage.shards import ImageShards


@dataclass(frozen=True)
class Benchmark:
    """One split: `keys`, `urls`, `sha256`, `phash` per image; `captions` and their image's row in `owner`."""

    name: str
    split: str
    keys: list[str]
    urls: list[str]
    sha256: list[str]
    phash: list[int]
    captions: list[str]
    owner: IntArray


def read_benchmark(shards: ImageShards, name: str, split: str) -> Benchmark | None:
    """A split of a benchmark folder; None if it has no captions, as a benchmark of questions.

    Raises UserError if some images have captions and others none.
    """
    rows = shards.manifest.filter(pc.field("split") == split).to_pylist()
    captioned = [row for row in rows if row["captions"]]
    if not captioned:
        return None
    if len(captioned) < len(rows):
        lacking = next(row["key"] for row in rows if not row["captions"])
        raise UserError(
            "A retrieval benchmark has images without a caption.",
            where=shards.folder,
            found=f"key {lacking!r}",
        )
    return Benchmark(
        name=name,
        split=split,
        keys=[row["key"] for row in rows],
        urls=[row["url"] for row in rows],
        sha256=[row["sha256"] for row in rows],
        phash=[row["phash"] for row in rows],
        captions=[caption for row in rows for caption in row["captions"]],
        owner=np.repeat(np.arange(len(rows)), [len(row["captions"]) for row in rows]),
    )


def benchmark_splits(folder: Path) -> list[tuple[str, ImageShards, str]]:
    """Name, shards and split of everything below `data/benchmarks/`, in order.

    A benchmark with several splits has one name for each, `<folder>-<split>`. Raises UserError if there are no
    benchmarks.
    """
    benchmarks: list[tuple[str, ImageShards, str]] = []
    for path in sorted(path for path in folder.glob("*") if path.is_dir()):
        shards = ImageShards(path)
        splits = sorted(set(shards.manifest["split"].to_pylist()))
        benchmarks += [(path.name if len(splits) == 1 else f"{path.name}-{split}", shards, split) for split in splits]
    if not benchmarks:
        raise UserError("There is no benchmark.", where=folder, fix="run `dvc repro fetch_benchmarks`")
    return benchmarks


def benchmark_metrics(
    benchmark: Benchmark, ranks: Ranks, holds: BoolArray | None, seed: int, samples: int
) -> dict[str, Any]:
    """Recalls with the half width of R@1's interval, the recall of chance and, where `holds` is known, the bound.

    The bound is the recall of a retriever that knows which captions are true of which images.
    holds: [captions, images], whether a caption is true of an image.
    """
    images = len(benchmark.keys)
    return {
        "split": benchmark.split,
        "images": images,
        "captions": len(benchmark.captions),
        **recall_metrics(ranks, benchmark.owner, seed, samples),
        "chance": rounded(chance_recall(benchmark.owner, images)),
        **({} if holds is None else {"bound": rounded(expected_recall(holds, benchmark.owner))}),
    }
