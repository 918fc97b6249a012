"""The variants of a study side by side: means over the seeds, and how much each differs from the first variant.

Recalls at 1 and 10 in both directions, and paired differences of R@1 (`paired.py`), all in percent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core.files import write_json, write_text
from pipeline.evaluation.retrieval.benchmark import rounded
from pipeline.storage.ranks import DIRECTIONS, QueryRanks, read_ranks
from pipeline.studies.comparison.paired import Scores, delta, difference, mean_cell, spread, table
from pipeline.studies.study.study import StudyPaths

RECALLS = (1, 10)
SHORT = {"text_to_image": "T2I", "image_to_text": "I2T"}

Runs = Sequence[Mapping[str, QueryRanks]]
"""The ranks of one variant: both directions for each seed."""


def write_comparison(where: StudyPaths) -> None:
    """Write a study's table and its metrics. Raises UserError if the ranks of a training are missing."""
    study = where.load()
    runs = {name: [read_ranks(where.items(name, seed)) for seed in study.seeds] for name in study.variants}
    figures = compare(runs)
    write_text(where.table, markdown(figures, study.seeds))
    write_json(where.comparison, rounded(figures))


def compare(runs: Mapping[str, Runs]) -> dict[str, Any]:
    """Mean and standard deviation of each recall, and each later variant's difference from the first one.

    All in percent, as `figures[variant][direction]["R@1"]["mean"]`.
    """
    base = next(iter(runs.values()))

    def of_direction(found: Runs, direction: str) -> dict[str, Any]:
        recalls = {f"R@{k}": spread(hits(found, direction, k)) for k in RECALLS}
        if found is base:
            return recalls
        return recalls | {"R@1_difference": difference(hits(found, direction, 1), hits(base, direction, 1))}

    return {
        name: {direction: of_direction(found, direction) for direction in DIRECTIONS} for name, found in runs.items()
    }


def hits(found: Runs, direction: str, k: int) -> list[Scores]:
    """Of each seed: 100 for a query whose right answer is among the first k, else 0."""
    return [Scores(run[direction].image, 100.0 * (run[direction].rank <= k)) for run in found]


def markdown(figures: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """The table, one line per variant; `*` marks an interval that leaves out zero."""
    recalls = [f"{SHORT[direction]} R@{k}" for direction in DIRECTIONS for k in RECALLS]
    differences = [f"Δ {SHORT[direction]} R@1" for direction in DIRECTIONS]
    lines = []
    for name, by_direction in figures.items():
        cells = [mean_cell(by_direction[direction][f"R@{k}"]) for direction in DIRECTIONS for k in RECALLS]
        compared = [delta(by_direction[direction].get("R@1_difference")) for direction in DIRECTIONS]
        lines.append([name.replace("_", " "), *cells, *compared])
    return table([f"seeds {', '.join(map(str, seeds))}", *recalls, *differences], lines)
