"""The filter's metrics as CSV files for `dvc plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.core.files import write_text
from pipeline.triplets.filter.reasons import CAPTION_STEPS, QA_STEPS
from pipeline.triplets.statistics.funnel import funnel


def write_plots(metrics: Mapping[str, Any], plots: Path) -> None:
    """Write `funnel.csv` and `caption_funnel.csv` (rows left after each step) and `keep_rate.csv` (by question type).

    metrics: those of `filter_metrics`.
    """
    for name, part, steps in (("funnel", "pairs", QA_STEPS), ("caption_funnel", "captions", CAPTION_STEPS)):
        table = funnel(metrics[part]["generated"], metrics[part]["reasons"], steps)
        write_text(plots / f"{name}.csv", csv(["step", "left"], table))
    rates = [(name, rate["keep_rate"]) for name, rate in metrics["pairs"]["by_type"].items()]
    write_text(plots / "keep_rate.csv", csv(["question_type", "keep_rate"], rates))


def csv(header: Sequence[str], table: Sequence[Sequence[Any]]) -> str:
    """A small table of names and numbers as CSV."""
    return "\n".join(",".join(map(str, row)) for row in [header, *table]) + "\n"
