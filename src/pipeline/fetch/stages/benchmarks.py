"""Benchmarks, each in a folder of its own: `data/benchmarks/<name>/`.

A retrieval benchmark is image shards whose manifest holds all captions of each image: some images of COCO
have more than five, and a metric that is defined on five must choose them. A question benchmark has a
`questions.parquet` beside its shards, in the layout of the annotations. Nothing is filtered. A record or image
that cannot be used is dropped and counted; since metrics over fewer images are not quite comparable,
`max_dropped_share: 0` refuses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.fetch.annotations.builder import Annotations
from pipeline.fetch.annotations.turned_boxes import StoredBoxes
from pipeline.fetch.packing.dropped import CAPTION_TOO_LONG, NO_CAPTION, Ledger, check_faults
from pipeline.fetch.packing.source import ListedImage, SourceImage, locate
from pipeline.fetch.packing.units import Packed, PackImages, pack_sources
from pipeline.fetch.raw.texts import LONGEST_TEXT
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
    ledger = Ledger(benchmark.name)
    content = benchmark.read(root, ledger)
    listed = content.images if isinstance(content, Annotations) else with_captions(content, ledger)
    check(benchmark, ledger, len(listed), params)
    images = locate(benchmark, listed, root, ledger)
    check(benchmark, ledger, len(images), params)
    units = PackImages(root, params.image_format).units(benchmark, images, benchmark.split, params.shard_size)
    packed = pack_sources(units, into, scratch)
    ledger.add_packed(packed.dropped, {image.key: image.place for image in images})
    check(benchmark, ledger, packed.manifest.num_rows, params)
    kept = set(packed.manifest["key"].to_pylist())
    if isinstance(content, Annotations):
        counts = write_questions(content, packed, benchmark.split, into)
    else:
        counts = count_captions([image for image in images if image.key in kept])
        if ledger.count:
            DROPPED.write(into / "dropped.parquet", ledger.table())
            counts["dropped"] = ledger.count
    MANIFEST.write(into / "manifest.parquet", packed.manifest)
    return {"images": packed.manifest.num_rows, **counts}


def check(benchmark: AnyBenchmark, ledger: Ledger, kept: int, params: FetchBenchmarksParams) -> None:
    """Raise UserError if too much of a benchmark is damaged."""
    check_faults(ledger, kept, benchmark.listed_in, params.max_dropped_share, "fetch_benchmarks.max_dropped_share")


def write_questions(annotations: Annotations, packed: Packed, split: str, into: Path) -> dict[str, Any]:
    """Write a benchmark's questions and dropped items; returns how many there are of each."""
    splits = {image.key: split for image in annotations.images}
    boxes = StoredBoxes(frozenset(packed.manifest["key"].to_pylist()), packed.turned, {})
    questions = with_splits(boxes.apply(annotations.questions.table(), "question", annotations.ledger), splits)
    QUESTIONS.write(into / "questions.parquet", questions)
    DROPPED.write(into / "dropped.parquet", annotations.ledger.table())
    return {"questions": questions.num_rows, "dropped": annotations.ledger.count}


def count_captions(images: Sequence[SourceImage]) -> dict[str, Any]:
    """Number of captions, in total and per image."""
    numbers = [len(image.captions) for image in images]
    return {"captions": sum(numbers), "captions_per_image": {"least": min(numbers), "most": max(numbers)}}


def with_captions(images: Sequence[ListedImage], ledger: Ledger) -> list[ListedImage]:
    """The images that have a caption; the others are dropped, since no text could retrieve them.

    A caption that is too long is dropped too.
    """
    kept: list[ListedImage] = []
    for image in images:
        captions = [caption for caption in image.captions if len(caption) <= LONGEST_TEXT]
        for number, caption in enumerate(image.captions):
            if len(caption) > LONGEST_TEXT:
                ledger.drop(f"{image.key}/caption/{number}", CAPTION_TOO_LONG, image.url)
        if captions:
            kept.append(replace(image, captions=captions))
        else:
            ledger.drop(image.key, NO_CAPTION, image.url, image.where)
    return kept
