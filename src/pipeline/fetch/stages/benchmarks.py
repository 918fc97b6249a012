"""Benchmarks, each in a folder of its own: `data/benchmarks/<name>/`.

A retrieval benchmark is image shards whose manifest holds all captions of each image: some images of COCO
have more than five, and a metric that is defined on five must choose them. A question benchmark has a
`questions.parquet` beside its shards, in the layout of the annotations. Nothing is filtered: a missing or
damaged image is an error, since metrics over fewer images would not be comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.builder import Annotations
from pipeline.fetch.packing.source import SourceImage, locate
from pipeline.fetch.packing.units import PackImages, pack_sources
from pipeline.fetch.stages.annotations import with_splits
from pipeline.fetch.stages.benchmarks_params import AnyBenchmark, FetchBenchmarksParams
from pipeline.tables.annotations import QUESTIONS
from pipeline.tables.pairs import DROPPED, MANIFEST


def fetch_benchmarks(params: FetchBenchmarksParams, root: Path, into: Path, scratch: Path) -> dict[str, Any]:
    """Write every benchmark below `into`; returns counts by benchmark. Raises UserError for bad sources."""
    return {
        benchmark.name: fetch_benchmark(benchmark, params, root, into / benchmark.name, scratch)
        for benchmark in params.benchmarks
    }


def fetch_benchmark(
    benchmark: AnyBenchmark, params: FetchBenchmarksParams, root: Path, into: Path, scratch: Path
) -> dict[str, Any]:
    """Write one benchmark's shards and manifest, and its questions if it has any; returns the counts."""
    content = benchmark.read(root)
    if isinstance(content, Annotations):
        images = locate(benchmark, content.images, root)
    else:
        images = locate(benchmark, content, root)
        check_captions(images, benchmark.listed_in)
    units = PackImages(root, params.image_format).units(benchmark, images, benchmark.split, params.shard_size)
    manifest, _ = pack_sources(units, into, scratch)
    if isinstance(content, Annotations):
        counts = write_questions(content, benchmark.split, into)
    else:
        counts = count_captions(images)
    MANIFEST.write(into / "manifest.parquet", manifest)
    return {"images": manifest.num_rows, **counts}


def write_questions(annotations: Annotations, split: str, into: Path) -> dict[str, Any]:
    """Write a benchmark's questions and dropped items; returns how many there are of each."""
    splits = {image.key: split for image in annotations.images}
    questions = with_splits(annotations.questions.table(), splits)
    QUESTIONS.write(into / "questions.parquet", questions)
    DROPPED.write(into / "dropped.parquet", annotations.dropped)
    return {"questions": questions.num_rows, "dropped": len(annotations.dropped)}


def count_captions(images: Sequence[SourceImage]) -> dict[str, Any]:
    """Number of captions, in total and per image."""
    numbers = [len(image.captions) for image in images]
    return {"captions": sum(numbers), "captions_per_image": {"least": min(numbers), "most": max(numbers)}}


def check_captions(images: Sequence[SourceImage], where: str) -> None:
    """Raise UserError if an image has no caption: no text could retrieve it."""
    for image in images:
        if not image.captions:
            raise UserError(
                "An image of a benchmark has no caption.", where=where, found=str(image.place), fix="check the file"
            )
