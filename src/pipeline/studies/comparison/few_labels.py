"""The starts of the study of few labels side by side, a table for each measure of each task.

A line is a start, a column the number of labels that its models were fine-tuned on. Differences are paired
(`paired.py`): from the first start, and from those that the parameters name in `also_compared`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core.files import write_json, write_text
from pipeline.core.settings import load_params
from pipeline.evaluation.retrieval.benchmark import rounded
from pipeline.studies.comparison.paired import delta, mean_cell, table
from pipeline.studies.comparison.scores import TITLES, compare, read_scores
from pipeline.studies.few_labels.params import FewLabels
from pipeline.studies.study.study import StudyPaths


def write_few_labels(where: StudyPaths) -> None:
    """Write the tables and their figures. Raises UserError if the scores of a training are missing."""
    study = load_params(where.params, where.study, FewLabels)
    runs = {start: [read_scores(where.items(start, seed)) for seed in study.seeds] for start in study.starts}
    figures = compare(runs, study.also_compared)
    write_text(where.table, markdown(figures, study.seeds))
    write_json(where.comparison, rounded(figures))


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
