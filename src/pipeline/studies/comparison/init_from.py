"""The starts of generator and filter model side by side: a line for each measure, a column for each start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core.files import write_json, write_text
from pipeline.core.settings import load_params
from pipeline.evaluation.retrieval.benchmark import rounded
from pipeline.studies.comparison.paired import delta, mean_cell, table
from pipeline.studies.comparison.scores import TITLES, compare, read_scores
from pipeline.studies.init_from.params import InitFromStudy
from pipeline.studies.study.study import StudyPaths


def write_init_from(where: StudyPaths) -> None:
    """Write the table and its figures. Raises UserError if the scores of a training are missing."""
    study = load_params(where.params, where.study, InitFromStudy)
    runs = {start: [read_scores(where.items(start, seed)) for seed in study.seeds] for start in study.starts}
    figures = compare(runs, {})
    write_text(where.table, markdown(figures, study.seeds))
    write_json(where.comparison, rounded(figures))


def markdown(figures: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """The table; `*` marks an interval that leaves out zero."""
    measures = {
        f"{task.replace('-', ' ')}: {TITLES[measure]}": by_start
        for task, by_measure in figures.items()
        for measure, by_start in by_measure.items()
    }
    first, *others = next(iter(measures.values()))
    titles = [f"seeds {', '.join(map(str, seeds))}", first, *(cell for start in others for cell in (start, "Δ"))]
    lines = []
    for title, by_start in measures.items():
        compared = [(mean_cell(by_start[start]), delta(by_start[start]["difference"][first])) for start in others]
        lines.append([title, mean_cell(by_start[first]), *(cell for cells in compared for cell in cells)])
    return table(titles, lines)
