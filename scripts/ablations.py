"""What each part of the alignment is worth: the table of ablations in docs/alignment.md.

    dvc repro                                 # the default, to its end
    python scripts/ablations.py               # every variant with three seeds; about two minutes a run on two cores

Each variant is the section `align` of params.yaml with a few values changed, trained with each seed on what the chain
made; only the alignment's own seed varies, not generator, filter or data. Every run ends in the ranks of all queries of
the first benchmark, kept below `.finealign/ablations/`, so a second start goes on where the first was stopped.

Recalls are means over the seeds with their standard deviation. The columns of differences compare with the default by
a paired bootstrap over images (`pipeline.metrics.retrieval`): a query's value is its mean over the seeds, both
variants see the same images drawn, and `*` marks an interval of 95 % that leaves out zero. It knows the chance in the
choice of images; what another seed would have given is what the deviations tell.

Batches of another size pass as many samples, at a rate scaled by the square root of the size, as is usual for Adam.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.train import align
from pipeline.core.errors import UserError
from pipeline.core.files import atomic_path, link_or_copy, remove
from pipeline.core.settings import machine, read_params
from pipeline.core.stage import Paths, run_app
from pipeline.evaluation.benchmark import benchmark_splits, read_benchmark
from pipeline.evaluation.embedding import AlignedEmbedder
from pipeline.execution.shard_map import map_shards
from pipeline.metrics.retrieval import Ranks, bootstrap_half_width, recall_at, retrieval_ranks
from pipeline.storage.shards import ImageShards
from pipeline.tables.table import Table
from pipeline.tables.triplets import KEPT_DC, KEPT_QA
from pipeline.teacher.params import EmbedTeacherParams
from pipeline.teacher.step import OUTPUT, TeacherStep
from pipeline.training.checkpoint import training_fingerprint

ROOT = Path(__file__).resolve().parents[1]
CLASSIFIER = "data/raw/encoders/vit-classifier"
EMBEDDING_BATCH = 100
BOOTSTRAP = 1_000

Section = dict[str, Any]


def fixed(**changes: Any) -> Callable[[Section], Mapping[str, Any]]:
    """The same changes whatever the section says."""
    return lambda section: changes


@dataclass(frozen=True)
class Variant:
    """Changes to the section `align`, a supervised teacher's pooling (none: the chain's teacher), emptied tables."""

    name: str
    changes: Callable[[Section], Mapping[str, Any]] = field(default=fixed())
    supervised_pooling: str | None = None
    without: tuple[Table, ...] = ()


def batch_of(size: int) -> Callable[[Section], Mapping[str, Any]]:
    """Another batch size at the same number of samples."""

    def changes(section: Section) -> Mapping[str, Any]:
        training = section["training"]
        ratio = size / training["batch_size"]
        steps = round(training["steps"] / ratio)
        rate = training["learning_rate"] * ratio**0.5
        every = max(1, round(training["validate_every"] / ratio))
        return {"training": {"batch_size": size, "steps": steps, "learning_rate": rate, "validate_every": every}}

    return changes


VARIANTS = [
    Variant("default"),
    Variant("no distillation", fixed(loss_weights={"distillation": 0.0})),
    Variant("KL, supervised teacher", fixed(distillation={"kind": "kl"}), "class_probabilities"),
    Variant("contrastive, supervised teacher", supervised_pooling="mean"),
    Variant("no question-answer pairs", without=(KEPT_QA,)),
    Variant("no region captions", without=(KEPT_DC,)),
    Variant("captions only", fixed(contrastive={"composed_share": 0.0, "place_share": 0.0})),
    Variant("separate blocks, equal parameters", fixed(shared_encoder={"separate": True, "width": 232})),
    Variant("batch 64", batch_of(64)),
    Variant("batch 1,024", batch_of(1024)),
]


def merged(section: Section, changes: Mapping[str, Any]) -> Section:
    """A section with values replaced, block by block."""
    found = dict(section)
    for name, value in changes.items():
        found[name] = {**found.get(name, {}), **value} if isinstance(value, Mapping) else value
    return found


def trained_ranks(variant: Variant, seed: int, sections: Mapping[str, Section]) -> tuple[Ranks, np.ndarray]:
    """Ranks of the benchmark's queries after one training, and the owner of each caption."""
    section = merged(sections["align"], variant.changes(sections["align"]))
    params = AlignParams.model_validate(merged(section, {"training": {"seed": seed}}))
    paths, teacher = Paths.of(ROOT, "align"), EmbedTeacherParams.model_validate(sections["embed_teacher"])
    lab = paths.scratch / "ablations"
    if variant.supervised_pooling:
        paths, teacher = with_supervised_teacher(paths, lab, variant.supervised_pooling)
    if variant.without:
        paths = replace(paths, triplets=triplets_without(paths.triplets, lab, variant.without))
    inputs = [paths.pairs / "manifest.parquet", *sorted(paths.teacher.glob("*.parquet"))]
    inputs += sorted(paths.triplets.glob("*.parquet"))
    described = [params.model_dump(mode="json"), teacher.model_dump(mode="json")]
    kept = lab / "ranks" / f"{training_fingerprint(Path(__file__), described, inputs)}.npz"
    if not kept.is_file():
        paths = replace(paths, alignment=lab / "model", results=lab / "results")
        align(params, teacher, paths)
        ranks, owner = benchmark_ranks(paths)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(kept) as temporary, temporary.open("wb") as stream:
            np.savez(stream, text_to_image=ranks.text_to_image, image_to_text=ranks.image_to_text, owner=owner)
    with np.load(kept) as stored:
        return Ranks(stored["image_to_text"], stored["text_to_image"]), stored["owner"]


def with_supervised_teacher(paths: Paths, lab: Path, pooling: str) -> tuple[Paths, EmbedTeacherParams]:
    """Paths to what a classifier stores of the pictures; it is trained first if it is not there."""
    if not (ROOT / CLASSIFIER / "model.safetensors").is_file():
        subprocess.run([sys.executable, ROOT / "scripts" / "pretrain_builtin.py", "classifier", CLASSIFIER], check=True)
    encoder = {"name": "builtin:vit", "weights": CLASSIFIER}
    teacher = EmbedTeacherParams.model_validate({"encoder": encoder, "pooling": pooling})
    folder = lab / f"teacher-{pooling}"
    remove(folder)
    step = TeacherStep(teacher, ROOT, machine().device)
    map_shards(step, step.shards(ImageShards(paths.pairs)), into={OUTPUT: folder}, scratch=paths.scratch)
    return replace(paths, teacher=folder), teacher


def triplets_without(triplets: Path, lab: Path, emptied: Sequence[Table]) -> Path:
    """A folder of triplets in which some tables have no rows."""
    folder = lab / "triplets"
    remove(folder)
    for table, suffix in ((KEPT_QA, "qa"), (KEPT_DC, "dc")):
        if table in emptied:
            table.write(folder / f"none-{suffix}.parquet", [])
            continue
        for path in sorted(triplets.glob(f"*-{suffix}.parquet")):
            link_or_copy(path, folder / path.name)
    return folder


def benchmark_ranks(paths: Paths) -> tuple[Ranks, np.ndarray]:
    """Ranks on the first benchmark that has captions, by the model just trained."""
    embedder = AlignedEmbedder(paths.alignment, EMBEDDING_BATCH)
    for name, shards, split in benchmark_splits(paths.benchmarks):
        benchmark = read_benchmark(shards, name, split)
        if benchmark is not None:
            images, texts = embedder.images(shards, benchmark.keys), embedder.texts(benchmark.captions)
            return retrieval_ranks(images, texts, benchmark.owner), benchmark.owner
    raise UserError("No benchmark has captions.", where=paths.benchmarks, fix="run `dvc repro fetch_benchmarks`")


def cell(values: Sequence[float]) -> str:
    """Mean and standard deviation over the seeds."""
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1) if len(values) > 1 else 0.0:.1f}"


def hits(found: Sequence[Ranks], direction: str) -> np.ndarray:
    """[queries]: share of the seeds, in percent, whose first candidate is right."""
    return np.mean([100.0 * (getattr(ranks, direction) == 1) for ranks in found], axis=0)


def difference(found: Sequence[Ranks], base: Sequence[Ranks], direction: str, owner: np.ndarray) -> str:
    """How much R@1 differs from the default's, with the half width of its interval."""
    delta = hits(found, direction) - hits(base, direction)
    images = owner if direction == "text_to_image" else np.arange(len(delta))
    width = bootstrap_half_width(delta, images, samples=BOOTSTRAP)
    return f"{delta.mean():+.1f} ± {width:.1f}{'*' if abs(delta.mean()) > width else ''}"


def row(name: str, found: Sequence[Ranks], base: Sequence[Ranks], owner: np.ndarray) -> str:
    """A line of the table."""
    cells = [
        cell([recall_at(getattr(ranks, direction), k) for ranks in found])
        for direction in ("text_to_image", "image_to_text")
        for k in (1, 10)
    ]
    compared = [
        "" if found is base else difference(found, base, direction, owner)
        for direction in ("text_to_image", "image_to_text")
    ]
    return f"| {' | '.join([name, *cells, *compared])} |"


def main(
    seeds: Annotated[int, typer.Option(help="Trainings of each variant.")] = 3,
    only: Annotated[str, typer.Option(help="Only variants whose name holds this, beside the default.")] = "",
) -> None:
    """Train every variant with every seed, and print the table in Markdown."""
    sections = read_params(ROOT / "params.yaml")
    first = sections["align"]["training"]["seed"]
    lines: list[str] = []
    base: list[Ranks] | None = None
    for variant in VARIANTS:
        if only not in variant.name and variant is not VARIANTS[0]:
            continue
        runs = [trained_ranks(variant, first + number, sections) for number in range(seeds)]
        found, owner = [ranks for ranks, _ in runs], runs[0][1]
        base = base or found
        lines.append(row(variant.name, found, base, owner))
        print(lines[-1], flush=True)
    print(f"\n| R@1 and R@10 of {seeds} seeds | T2I R@1 | T2I R@10 | I2T R@1 | I2T R@10 | Δ T2I R@1 | Δ I2T R@1 |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(help=__doc__)(main)
    run_app(app)
