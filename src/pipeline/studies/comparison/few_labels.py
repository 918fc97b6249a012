"""The starts of the study of few labels side by side, a table for each measure of each task.

A line is a start, a column the number of labels that its models were fine-tuned on. Differences are paired
(`paired.py`): from the first start, and from those that the parameters name in `also_compared`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.core.files import write_json, write_text
from pipeline.core.settings import load_params
from pipeline.evaluation.retrieval.benchmark import rounded
from pipeline.storage.ranks import DIRECTIONS, IMAGE_TO_TEXT, TEXT_TO_IMAGE
from pipeline.studies.comparison.paired import Scores, delta, difference, mean_cell, spread, table
from pipeline.studies.few_labels.params import FewLabels
from pipeline.studies.study.study import StudyPaths
from pipeline.tables.scores import CIDER, SCORES, VQA_ACCURACY

TITLES = {
    VQA_ACCURACY: "VQA accuracy",
    CIDER: "CIDEr-D",
    TEXT_TO_IMAGE: "text-to-image R@1",
    IMAGE_TO_TEXT: "image-to-text R@1",
}

Run = Mapping[tuple[str, str], Scores]
"""What one training got, by task with its number of labels, and measure."""


def write_few_labels(where: StudyPaths) -> None:
    """Write the tables and their figures. Raises UserError if the scores of a training are missing."""
    study = load_params(where.params, where.study, FewLabels)
    runs = {start: [read_scores(where.items(start, seed)) for seed in study.seeds] for start in study.starts}
    figures = compare(runs, study.also_compared)
    write_text(where.table, markdown(figures, study.seeds))
    write_json(where.comparison, rounded(figures))


def read_scores(path: Path) -> Run:
    """The scores of one training; ranks become hits, 100 for a right first candidate and 0 for another."""
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


def markdown(figures: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """A table for each measure of each task; `*` marks an interval that leaves out zero."""
    blocks: dict[tuple[str, str], dict[str, Any]] = {}
    for task, by_measure in figures.items():
        name, _, labels = task.rpartition("-")
        for measure, by_start in by_measure.items():
            blocks.setdefault((name, measure), {})[labels] = by_start
    head = f"Seeds {', '.join(map(str, seeds))}; a column for each number of labels.\n"
    titled = (f"\n**{name}: {TITLES[measure]}**\n\n{block(found)}" for (name, measure), found in blocks.items())
    return head + "".join(titled)


def block(by_labels: Mapping[str, Any]) -> str:
    """One table: a line for each start, and one for each comparison with another start than the first."""
    by_start = next(iter(by_labels.values()))
    first = next(iter(by_start))
    lines = []
    for start, others in ((start, found["difference"]) for start, found in by_start.items()):
        cells = [mean_cell(found[start]) for found in by_labels.values()]
        lines.append([start, *cells, *(delta(found[start]["difference"].get(first)) for found in by_labels.values())])
        for other in (other for other in others if other != first):
            deltas = [delta(found[start]["difference"][other]) for found in by_labels.values()]
            lines.append([f"{start} against {other}", *[""] * len(by_labels), *deltas])
    return table(["start", *by_labels, *(f"Δ {labels}" for labels in by_labels)], lines)
