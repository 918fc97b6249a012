"""Retrieval examples: queries drawn at random, each with its best candidates and the rank of its right answer."""

from __future__ import annotations

from typing import Any

from pipeline.evaluation.common.draw import Stream, draw
from pipeline.evaluation.retrieval.benchmark import Benchmark
from pipeline.evaluation.retrieval.params import GalleryParams
from pipeline.metrics.expected_recall import BoolArray
from pipeline.metrics.retrieval import FloatArray, Ranks, top_candidates


def retrieval_examples(
    benchmark: Benchmark,
    images: FloatArray,
    texts: FloatArray,
    ranks: Ranks,
    holds: BoolArray | None,
    params: GalleryParams,
    seed: int,
) -> list[dict[str, Any]]:
    """Rows of RETRIEVAL_EXAMPLES in both directions.

    images: [images, D]; texts: [captions, D]; holds: [captions, images], whether a caption is true of an image.
    """
    rows: list[dict[str, Any]] = []
    for direction, stream, queries, gallery, direction_ranks in (
        ("text_to_image", Stream.TEXT_TO_IMAGE, texts, images, ranks.text_to_image),
        ("image_to_text", Stream.IMAGE_TO_TEXT, images, texts, ranks.image_to_text),
    ):
        chosen = draw(len(queries), params.queries, seed, stream)
        best, scores = top_candidates(queries[chosen], gallery, params.candidates)
        for query, candidates, values in zip(chosen, best, scores, strict=True):
            rows.append(
                {
                    "benchmark": benchmark.name,
                    "split": benchmark.split,
                    "direction": direction,
                    "query": query,
                    **(_caption(benchmark, query) if direction == "text_to_image" else _image(benchmark, query)),
                    "rank": int(direction_ranks[query]),
                    "candidates": [
                        {**_candidate(benchmark, direction, query, int(candidate), holds), "score": float(score)}
                        for candidate, score in zip(candidates, values, strict=True)
                    ],
                }
            )
    return rows


def _candidate(
    benchmark: Benchmark, direction: str, query: int, candidate: int, holds: BoolArray | None
) -> dict[str, Any]:
    to_image = direction == "text_to_image"
    caption, image = (query, candidate) if to_image else (candidate, query)
    return {
        **(_image(benchmark, candidate) if to_image else _caption(benchmark, candidate)),
        "right": int(benchmark.owner[caption]) == image,
        "holds": None if holds is None else bool(holds[caption, image]),
    }


def _image(benchmark: Benchmark, row: int) -> dict[str, str]:
    return {"key": benchmark.keys[row], "text": ""}


def _caption(benchmark: Benchmark, row: int) -> dict[str, str]:
    return {"key": benchmark.keys[benchmark.owner[row]], "text": benchmark.captions[row]}
