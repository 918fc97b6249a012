"""Metrics of the stage `generate`: counts and diversity of what the generator made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.triplets.statistics.diversity import caption_diversity, qa_diversity
from pipeline.triplets.statistics.scan import distinct_count, scan_tables, value_counts


def generated_metrics(generated: Path, images: int, dropped_boxes: Mapping[str, int]) -> dict[str, Any]:
    """Counts and diversity of `data/generated/`. images: how many the generator was shown.

    dropped_boxes: how many boxes of a table were left out, by reason.
    """
    qa, captions = scan_tables(generated, "qa"), scan_tables(generated, "dc")
    return {
        "images": images,
        "images_without_boxes": images - distinct_count(captions, "key"),
        "dropped_boxes": dict(dropped_boxes),
        "pairs": {**qa_diversity(qa), "by_type": value_counts(qa, "question_type")},
        "captions": caption_diversity(captions),
    }
