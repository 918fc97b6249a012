"""One training of a study: the alignment as a variant changes it, and its ranks on the first benchmark.

The model itself is not kept. The training shares the lock of the stage `align`, because both use the same place in
scratch for their tokens; it also shares its checkpoints, so a killed training goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.train import align
from pipeline.core.errors import UserError
from pipeline.core.files import link_or_copy, remove, write_json
from pipeline.core.process.lock import stage_lock
from pipeline.core.settings import load_inputs, read_params
from pipeline.core.stage import Paths
from pipeline.evaluation.retrieval.benchmark import Benchmark, benchmark_metrics, benchmark_splits, read_benchmark
from pipeline.evaluation.retrieval.embedding import AlignedEmbedder
from pipeline.metrics.retrieval import Ranks, retrieval_ranks
from pipeline.storage.ranks import write_ranks
from pipeline.studies.study.study import StudyPaths, Variant
from pipeline.studies.training.teachers import teacher_folder
from pipeline.studies.training.variants import align_params
from pipeline.tables.triplets import KEPT_DC, KEPT_QA

EMBEDDING_BATCH = 100
BOOTSTRAP_SAMPLES = 1_000
TRIPLET_TABLES = {"qa": KEPT_QA, "dc": KEPT_DC}


def train_variant(where: StudyPaths, name: str, seed: int) -> None:
    """Train one variant with one seed; write its ranks and metrics.

    Raises UserError if the study or the variant does not exist or is not valid, or if an input is missing.
    """
    paths = Paths.of(where.root, "align")

    def read() -> tuple[Variant, AlignParams]:
        variant = where.variant(name)
        return variant, align_params(read_params(paths.params)["align"], variant, seed)

    read()  # Tells a mistake before the wait for the lock.
    with stage_lock(paths.scratch, "align"):
        variant, params = read()
        lab = paths.scratch / "studies"
        remove(lab)
        paths = replace(inputs_of(variant, paths, lab), alignment=lab / "model", results=lab / "results")
        align(params, paths)
        benchmark, ranks = benchmark_ranks(paths)
        remove(lab)
        metrics = benchmark_metrics(benchmark, ranks, None, seed=0, samples=BOOTSTRAP_SAMPLES)
        write_ranks(where.items(name, seed), ranks, benchmark.owner)
        write_json(where.metrics(name, seed), {"retrieval": {benchmark.name: metrics}})


def inputs_of(variant: Variant, paths: Paths, lab: Path) -> Paths:
    """The paths with the chain's triplets (`inputs.triplets`), and the variant's teacher and triplets."""
    paths = replace(paths, triplets=paths.root / load_inputs(paths.params).triplets)
    if variant.teacher:
        paths = replace(paths, teacher=teacher_folder(paths.root, variant.teacher))
    if variant.without:
        paths = replace(paths, triplets=triplets_without(paths.triplets, lab / "triplets", variant.without))
    return paths


def triplets_without(triplets: Path, folder: Path, emptied: Sequence[str]) -> Path:
    """Fill a folder with links to the triplets, with no rows in the emptied tables (`qa`, `dc`); returns it."""
    for suffix, table in TRIPLET_TABLES.items():
        for path in sorted(triplets.glob(f"*-{suffix}.parquet")):
            if suffix in emptied:
                table.write(folder / path.name, [])
            else:
                link_or_copy(path, folder / path.name)
    return folder


def benchmark_ranks(paths: Paths) -> tuple[Benchmark, Ranks]:
    """The first benchmark that has captions, and its queries' ranks by the model at `paths.alignment`.

    Raises UserError if no benchmark has captions.
    """
    embedder = AlignedEmbedder(paths.alignment, EMBEDDING_BATCH)
    for name, shards, split in benchmark_splits(paths.benchmarks):
        benchmark = read_benchmark(shards, name, split)
        if benchmark is not None:
            images, texts = embedder.images(shards, benchmark.keys), embedder.texts(benchmark.captions)
            return benchmark, retrieval_ranks(images, texts, benchmark.owner)
    raise UserError("No benchmark has captions.", where=paths.benchmarks, fix="run `dvc repro fetch_benchmarks`")
