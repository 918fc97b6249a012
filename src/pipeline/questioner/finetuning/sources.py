"""What fine-tuning learns from: pairs, triplets, annotations and benchmarks, all as the same samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.core.counter_rng import stream
from pipeline.core.errors import UserError
from pipeline.core.files import require_folder
from pipeline.core.stage import Paths
from pipeline.questioner.data.dataset import (
    CaptionSet,
    Ragged,
    Samples,
    read_samples,
    samples_of_tables,
    sorted_by_image,
)
from pipeline.questioner.data.pairs import read_captions, read_pairs
from pipeline.questioner.data.triplets import read_triplet_samples
from pipeline.questioner.model.build import Limits
from pipeline.questioner.model.prompts import Prompts
from pipeline.storage.shards import MANIFEST_FILE, ImageShards
from pipeline.tables.annotations import QUESTIONS, REGIONS

QUESTIONS_FILE = "questions.parquet"
BENCHMARKS = "benchmarks/"
ANNOTATIONS = "annotations"


def shards_of(source: str, paths: Paths) -> ImageShards:
    """The image shards of a source (see `read_source`); UserError if they are missing."""
    if source.startswith(BENCHMARKS):
        folder = paths.benchmarks / source.removeprefix(BENCHMARKS)
        return ImageShards(require_folder(folder, "dvc repro fetch_benchmarks"))
    return ImageShards(paths.annotations if source.startswith(ANNOTATIONS) else paths.pairs)


def read_source(
    source: str, split: str, shards: ImageShards, paths: Paths, prompts: Prompts, limits: Limits
) -> tuple[Samples, list[Path]]:
    """The samples of a source (of a split, but for benchmarks) in its `shards`, and the files that decide them.

    source: `pairs`, `triplets`, `annotations` (all of them), `annotations/<name of one of their sources>` or
    `benchmarks/<name>`. Raises UserError if tables are missing or do not fit together, or if no annotation comes from
    the source that is named.
    """
    manifest, folder = shards.folder / MANIFEST_FILE, shards.folder
    if source.startswith(ANNOTATIONS):
        files = [manifest, folder / "regions.parquet", folder / QUESTIONS_FILE]
        names = [source.removeprefix(f"{ANNOTATIONS}/")] if source != ANNOTATIONS else None
        return read_samples(folder, shards, split, prompts, limits, names), files
    if source == "pairs":
        return read_pairs(shards, split, prompts, limits), [manifest]
    if source == "triplets":
        samples = read_triplet_samples(paths.triplets, shards, prompts, limits)
        return samples, [manifest, *sorted(paths.triplets.glob("*.parquet"))]
    questions = folder / QUESTIONS_FILE
    return read_benchmark(folder, shards, prompts, limits), [manifest, *([questions] if questions.is_file() else [])]


def read_benchmark(folder: Path, shards: ImageShards, prompts: Prompts, limits: Limits) -> Samples:
    """All images of a benchmark with their captions, and their questions if it has any."""
    keys = shards.manifest["key"].to_pylist()
    numbers = {key: index for index, key in enumerate(keys)}
    path = folder / QUESTIONS_FILE
    rows = QUESTIONS.read(path) if path.is_file() else QUESTIONS.schema.empty_table()
    if path.is_file():
        QUESTIONS.check_images(rows, numbers, path, f"{folder / MANIFEST_FILE}")
    regions, questions = (sorted_by_image(table, numbers) for table in (REGIONS.schema.empty_table(), rows))
    samples = samples_of_tables(keys, regions, questions, prompts, limits)
    captions, too_long = read_captions(shards.manifest["captions"].to_pylist(), prompts, limits)
    return replace(samples, captions=captions, too_long={**samples.too_long, "captions": too_long})


def samples_of_task(
    samples: Samples, task: str, most: int | None, seed: int, prompts: Prompts, limits: Limits
) -> Samples:
    """The questions alone (task `questions`) or the captions alone, at most so many of them, drawn by `seed`.

    An update then draws only images that have something for the task. A smaller number draws a part of what a larger
    one draws.
    """
    regions = samples.regions.table.slice(0, 0)
    if task == "questions":
        table = samples.questions.table
        names = zip(table["key"].to_pylist(), table["question_id"].to_pylist(), strict=True)
        kept = table.filter(pa.array(drawn([stream(seed, *name) for name in names], most)))
        return samples_of_tables(samples.keys, regions, kept, prompts, limits)
    captions = samples.captions
    image = np.repeat(np.arange(len(samples.keys)), np.diff(captions.first))
    order = np.arange(len(image)) - captions.first[image]
    names = zip((samples.keys[i] for i in image), order.tolist(), strict=True)
    keep = drawn([stream(seed, *name) for name in names], most)
    counts = np.bincount(image[keep], minlength=len(samples.keys))
    pieces = Ragged.of([captions.pieces[int(row)] for row in np.flatnonzero(keep)])
    alone = samples_of_tables(samples.keys, regions, samples.questions.table.slice(0, 0), prompts, limits)
    return replace(alone, captions=CaptionSet(np.concatenate([[0], counts.cumsum()]), pieces))


def drawn(numbers: list[int], most: int | None) -> np.ndarray:
    """Which items are among the `most` (None: all) with the smallest random numbers, bool."""
    keep = np.zeros(len(numbers), dtype=bool)
    keep[np.argsort(np.array(numbers, dtype=np.uint64), kind="stable")[:most]] = True
    return keep


def require_task(samples: Samples, task: str, where: object, parameter: str) -> None:
    """Raise UserError if a source has nothing that a task learns from or is measured on.

    parameter: the list of tasks in the parameters that names the source.
    """
    found = len(samples.questions.pieces) if task == "questions" else len(samples.captions.pieces)
    if not found:
        raise UserError(
            f"A source has nothing for the task {task}.",
            where=where,
            expected="questions" if task == "questions" else "captions",
            found=f"none on {len(samples.keys)} images",
            fix=f"name another source in {parameter}",
        )
