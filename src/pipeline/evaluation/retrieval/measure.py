"""Retrieval on every benchmark: embeddings from the aligned model, metrics, curves and examples.

A benchmark's images and captions are embedded in batches of a fixed size with a fixed number of threads, so that
metrics do not depend on the machine's number of cores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from pipeline.core.files import write_text
from pipeline.evaluation.retrieval.benchmark import (
    Benchmark,
    benchmark_metrics,
    benchmark_splits,
    read_benchmark,
)
from pipeline.evaluation.retrieval.gallery import retrieval_examples
from pipeline.evaluation.retrieval.params import EvaluateParams
from pipeline.evaluation.retrieval.zero_shot import Seen, overlap
from pipeline.metrics.expected_recall import BoolArray
from pipeline.metrics.retrieval import FloatArray, Ranks, recall_curve, retrieval_ranks
from pipeline.storage.shards import ImageShards
from pipeline.tables.examples import RETRIEVAL_EXAMPLES

CURVE_AT = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)

Holds = Callable[[Sequence[str], Sequence[str]], BoolArray | None]
"""Captions and images' urls -> [captions, images], whether a caption is true of an image; None if not known."""


class Embedder(Protocol):
    """Embeds images and captions: float32 [N, D], L2-normalised."""

    def images(self, shards: ImageShards, keys: Sequence[str]) -> FloatArray:
        """Embeddings of images, in the order of their keys."""
        ...

    def texts(self, captions: Sequence[str]) -> FloatArray:
        """Embeddings of captions."""
        ...


def measure_retrieval(
    params: EvaluateParams,
    benchmarks: Path,
    embedder: Embedder,
    holds: Holds,
    seen: Seen,
    results: Path,
) -> dict[str, Any]:
    """Metrics by benchmark; writes `plots/recall_curve.csv` and `details/retrieval.parquet` below `results`.

    Benchmarks of questions are named in a line, since this stage's model answers none.

    seen: what the model learned from; a benchmark's images that are among it are counted.
    """
    metrics: dict[str, Any] = {}
    examples: list[dict[str, Any]] = []
    curves = ["benchmark,direction,k,recall"]
    without_captions: list[str] = []
    for name, shards, split in benchmark_splits(benchmarks):
        benchmark = read_benchmark(shards, name, split)
        if benchmark is None:
            without_captions.append(name)
            continue
        images, texts = embedder.images(shards, benchmark.keys), embedder.texts(benchmark.captions)
        ranks = retrieval_ranks(images, texts, benchmark.owner)
        truth = holds(benchmark.captions, benchmark.urls)
        metrics[name] = {
            **benchmark_metrics(benchmark, ranks, truth, params.seed, params.bootstrap_samples),
            **overlap(benchmark, seen),
        }
        examples += retrieval_examples(benchmark, images, texts, ranks, truth, params.gallery, params.seed)
        curves += curve_rows(benchmark, ranks)
    if zero_shot := [name for name in metrics if metrics[name]["zero_shot"]]:
        print(f"evaluate: zero-shot on {', '.join(zero_shot)}: no image there is like one learned from", flush=True)
    if without_captions:
        print(f"evaluate: no captions in {', '.join(without_captions)}; evaluate_finetuned asks questions", flush=True)
    write_text(results / "plots" / "recall_curve.csv", "\n".join(curves) + "\n")
    RETRIEVAL_EXAMPLES.write(results / "details" / "retrieval.parquet", examples)
    return metrics


def curve_rows(benchmark: Benchmark, ranks: Ranks) -> list[str]:
    """CSV lines of R@k in both directions."""
    return [
        f"{benchmark.name},{direction},{k},{recall:.2f}"
        for direction, direction_ranks in (
            ("text_to_image", ranks.text_to_image),
            ("image_to_text", ranks.image_to_text),
        )
        for k, recall in zip(CURVE_AT, recall_curve(direction_ranks, CURVE_AT), strict=True)
    ]
