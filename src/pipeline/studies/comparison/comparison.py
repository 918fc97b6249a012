"""The variants of a study side by side: means over the seeds, and how much each differs from the first variant.

Recalls are means over the seeds with their standard deviation (n - 1 in the denominator). A difference of R@1 is
paired: a query's value is the share of seeds whose first candidate is right, the first variant's value is subtracted
from it, and the 95 % interval of the mean comes from a bootstrap that draws whole images (`evaluation.retrieval`). The
interval covers the chance in the choice of images; the standard deviations show what another seed would change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.core.files import write_json, write_text
from pipeline.evaluation.retrieval.benchmark import rounded
from pipeline.metrics.retrieval import bootstrap_half_width, recall_at
from pipeline.studies.study.ranks import DIRECTIONS, QueryRanks, read_ranks
from pipeline.studies.study.study import StudyPaths

BOOTSTRAP_SAMPLES = 1_000
RECALLS = (1, 10)
SHORT = {"text_to_image": "T2I", "image_to_text": "I2T"}

Runs = Sequence[Mapping[str, QueryRanks]]
"""The ranks of one variant: both directions for each seed."""


def write_comparison(where: StudyPaths) -> None:
    """Write a study's table and its metrics. Raises UserError if the ranks of a training are missing."""
    study = where.load()
    runs = {name: [read_ranks(where.ranks(name, seed)) for seed in study.seeds] for name in study.variants}
    figures = compare(runs)
    write_text(where.table, markdown(figures, study.seeds))
    write_json(where.comparison, rounded(figures))


def compare(runs: Mapping[str, Runs]) -> dict[str, Any]:
    """Mean and standard deviation of each recall, and each later variant's difference from the first one.

    All in percent, as `figures[variant][direction]["R@1"]["mean"]`.
    """
    base = next(iter(runs.values()))
    return {
        name: {
            direction: {
                **{f"R@{k}": spread([recall_at(run[direction].rank, k) for run in found]) for k in RECALLS},
                **({} if found is base else {"R@1_difference": difference(found, base, direction)}),
            }
            for direction in DIRECTIONS
        }
        for name, found in runs.items()
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean and standard deviation over the seeds; the deviation of a single value is 0."""
    return {"mean": float(np.mean(values)), "std": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0}


def difference(found: Runs, base: Runs, direction: str) -> dict[str, float]:
    """How much R@1 differs from that of `base`, and half the width of its interval."""
    delta = hits(found, direction) - hits(base, direction)
    half_width = bootstrap_half_width(delta, found[0][direction].image, samples=BOOTSTRAP_SAMPLES)
    return {"mean": float(delta.mean()), "half_width": half_width}


def hits(found: Runs, direction: str) -> np.ndarray:
    """[queries]: share of the seeds, in percent, whose first candidate is right."""
    return np.mean([100.0 * (run[direction].rank == 1) for run in found], axis=0)


def markdown(figures: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """The table, one line per variant; `*` marks an interval that leaves out zero."""
    recalls = [f"{SHORT[direction]} R@{k}" for direction in DIRECTIONS for k in RECALLS]
    differences = [f"Δ {SHORT[direction]} R@1" for direction in DIRECTIONS]
    titles = [f"seeds {', '.join(map(str, seeds))}", *recalls, *differences]
    lines = [titles, ["---"] * len(titles)]
    for name, by_direction in figures.items():
        found = [by_direction[direction][f"R@{k}"] for direction in DIRECTIONS for k in RECALLS]
        cells = [f"{recall['mean']:.1f} ± {recall['std']:.1f}" for recall in found]
        compared = [delta(by_direction[direction].get("R@1_difference")) for direction in DIRECTIONS]
        lines.append([name.replace("_", " "), *cells, *compared])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def delta(found: Mapping[str, float] | None) -> str:
    """A difference with its interval, or nothing for the variant that the others are compared with."""
    if found is None:
        return ""
    mark = "*" if abs(found["mean"]) > found["half_width"] else ""
    return f"{found['mean']:+.1f} ± {found['half_width']:.1f}{mark}"
