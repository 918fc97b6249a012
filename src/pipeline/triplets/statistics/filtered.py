"""Metrics of the stage `filter`: how much is kept, why the rest was rejected, and how varied both are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from pipeline.triplets.statistics.diversity import caption_diversity, qa_diversity
from pipeline.triplets.statistics.funnel import keep_rate, keep_rates
from pipeline.triplets.statistics.scan import row_count, scan_tables, value_counts


def filter_metrics(kept: Path, rejected: Path) -> dict[str, Any]:
    """Keep rates, reasons of rejection, and diversity before and after, from `data/triplets/` and `data/rejected/`."""
    kept_qa, rejected_qa = scan_tables(kept, "qa"), scan_tables(rejected, "qa")
    columns = ["key", "question", "answer", "question_type"]
    generated_qa = pl.concat([kept_qa.select(columns), rejected_qa.select(columns)])
    kept_captions, rejected_captions = scan_tables(kept, "dc"), scan_tables(rejected, "dc")
    return {
        "pairs": {
            **keep_rate(row_count(kept_qa), row_count(generated_qa)),
            "by_type": keep_rates(value_counts(kept_qa, "question_type"), value_counts(generated_qa, "question_type")),
            "reasons": value_counts(rejected_qa, "reason"),
            "diversity": {"before": qa_diversity(generated_qa), "after": qa_diversity(kept_qa)},
        },
        "captions": {
            **keep_rate(row_count(kept_captions), row_count(kept_captions) + row_count(rejected_captions)),
            "reasons": value_counts(rejected_captions, "reason"),
            "diversity": {"after": caption_diversity(kept_captions)},
        },
    }
