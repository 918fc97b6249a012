"""Scores of a study's cells (the table SCORES), and its starts side by side in each measure of each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.storage.ranks import DIRECTIONS, IMAGE_TO_TEXT, TEXT_TO_IMAGE
from pipeline.studies.comparison.paired import Scores, difference, spread
from pipeline.tables.scores import CIDER, CORRECT, SCORES, VQA_ACCURACY

TITLES = {
    VQA_ACCURACY: "VQA accuracy",
    CIDER: "CIDEr-D",
    CORRECT: "correct",
    TEXT_TO_IMAGE: "text-to-image R@1",
    IMAGE_TO_TEXT: "image-to-text R@1",
}

Run = Mapping[tuple[str, str], Scores]
"""What one cell got, by task and measure."""


def read_scores(path: Path) -> Run:
    """The scores of one cell; ranks become hits, 100 for a right first candidate and 0 for another."""
    rows = pl.DataFrame(SCORES.read(path)).sort("item", maintain_order=True)
    return {
        (str(task), str(measure)): Scores(
            of_measure["image"].to_numpy(),
            100.0 * (of_measure["value"].to_numpy() == 1) if measure in DIRECTIONS else of_measure["value"].to_numpy(),
        )
        for (task, measure), of_measure in rows.group_by("task", "measure", maintain_order=True)
    }


def compare(runs: Mapping[str, Sequence[Run]], also_compared: Mapping[str, str]) -> dict[str, Any]:
    """Mean and standard deviation of each measure, and the differences from other starts.

    As `figures[task][measure][start]["mean"]`, and `…["difference"][other start]["mean"]`.
    """
    first = next(iter(runs))
    figures: dict[str, Any] = {}
    for task, measure in runs[first][0]:
        of_start = {start: [run[task, measure] for run in found] for start, found in runs.items()}
        others = {start: {first, also_compared.get(start, first)} - {start} for start in runs}
        figures.setdefault(task, {})[measure] = {
            start: {
                **spread(found),
                "difference": {other: difference(found, of_start[other]) for other in runs if other in others[start]},
            }
            for start, found in of_start.items()
        }
    return figures
