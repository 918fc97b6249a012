"""Recalls of retrieval with the interval of R@1, as every stage that measures retrieval gives them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.metrics.retrieval import IntArray, Ranks, bootstrap_half_width, retrieval_metrics


def recall_metrics(ranks: Ranks, owner: IntArray, seed: int, samples: int) -> dict[str, Any]:
    """Recalls in both directions, in percent at two decimals, with the half width of R@1's interval.

    owner: [captions], each caption's image; seed, samples: of the bootstrap, which draws images.
    """
    metrics = retrieval_metrics(ranks)
    for direction, direction_ranks, groups in (
        ("text_to_image", ranks.text_to_image, owner),
        ("image_to_text", ranks.image_to_text, np.arange(len(ranks.image_to_text))),
    ):
        half_width = bootstrap_half_width(100.0 * (direction_ranks == 1), groups, seed, samples)
        metrics[direction] = {**rounded(metrics[direction]), "R@1_half_width": round(half_width, 2)}
    return rounded(metrics)


def rounded(metrics: Any) -> Any:
    """Nested metrics with floats at two decimals."""
    if isinstance(metrics, dict):
        return {name: rounded(value) for name, value in metrics.items()}
    return round(metrics, 2) if isinstance(metrics, float) else metrics
