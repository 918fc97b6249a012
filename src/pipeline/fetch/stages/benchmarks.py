"""Benchmarks, each in a folder of its own: `data/benchmarks/<name>/`.

A retrieval benchmark is image shards whose manifest holds all captions of each image: some images of COCO
have more than five, and a figure that is defined on five must choose them. A question benchmark has a
`questions.parquet` beside its shards, in the layout of the annotations. Nothing is filtered: a missing or
damaged image is an error, since figures over fewer images would not be comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.execution.shard_map import map_shards
from pipeline.fetch.annotations.builder import AnnotationSource
from pipeline.fetch.packing.image_list import PackImages, even_slices, slice_shard
from pipeline.fetch.packing.merge import merge_manifests
from pipeline.fetch.packing.source import SourceImage, locate
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
    """Write one benchmark's shards, manifest and (if it asks) questions; returns the counts."""
    if isinstance(benchmark, AnnotationSource):
        annotations = benchmark.read(root)
        images = locate(benchmark, annotations.images, root)
        manifest = pack_images(benchmark, images, params, root, into, scratch)
        questions = with_splits(
            annotations.questions.table(), dict.fromkeys((image.key for image in images), benchmark.split)
        )
        QUESTIONS.write(into / "questions.parquet", questions)
        DROPPED.write(into / "dropped.parquet", annotations.dropped)
        counts = {"questions": questions.num_rows, "dropped": len(annotations.dropped)}
    else:
        images = locate(benchmark, benchmark.read(root), root)
        check_captions(images, benchmark.listed_in)
        manifest = pack_images(benchmark, images, params, root, into, scratch)
        numbers = [len(image.captions) for image in images]
        per_image = {"least": min(numbers), "most": max(numbers)}
        counts = {"captions": sum(numbers), "captions_per_image": per_image}
    MANIFEST.write(into / "manifest.parquet", manifest)
    return {"images": manifest.num_rows, **counts}


def check_captions(images: Sequence[SourceImage], where: str) -> None:
    """Raise UserError if an image has no caption: it could not be found by any text."""
    for image in images:
        if not image.captions:
            raise UserError(
                "An image of a benchmark has no caption.", where=where, found=str(image.place), fix="check the file"
            )


def pack_images(
    benchmark: AnyBenchmark,
    images: Sequence[SourceImage],
    params: FetchBenchmarksParams,
    root: Path,
    into: Path,
    scratch: Path,
) -> pa.Table:
    """Pack a benchmark's images in equal slices; returns the manifest."""
    shards = [
        slice_shard(root, images[part], source=benchmark.name, number=number, split=benchmark.split)
        for number, part in enumerate(even_slices(len(images), params.shard_size))
    ]
    into.mkdir(parents=True, exist_ok=True)
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch, prefix="rows-") as rows:
        step = PackImages(root, params.image_format)
        map_shards(step, shards, {"shards": into, "rows": Path(rows)}, scratch)
        return merge_manifests(Path(rows), dict.fromkeys(range(len(shards)), benchmark.name))
