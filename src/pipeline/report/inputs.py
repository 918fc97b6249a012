"""Reads what earlier stages measured; the only module here, besides pictures, that touches files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.files import read_json
from pipeline.tables.examples import CAPTION_EXAMPLES, PAIR_EXAMPLES, RETRIEVAL_EXAMPLES

TRAININGS = ("train_generator", "train_filter", "align")

Row = dict[str, Any]
Numbers = dict[str, float]


@dataclass(frozen=True)
class Curves:
    """Points of one training, by step: averages of the losses, and validation figures."""

    training: list[Numbers]
    validation: list[Numbers]


@dataclass(frozen=True)
class Results:
    """Everything measured that the page tells: metrics as the stages wrote them, curves and examples."""

    retrieval: Mapping[str, Any]
    data_quality: Mapping[str, Any]
    filter: Mapping[str, Any]
    curves: Mapping[str, Curves]
    recall: list[Row]
    retrieval_examples: list[Row]
    pair_examples: list[Row]
    caption_examples: list[Row]


def read_results(folder: Path) -> Results:
    """All of `results/`. Raises UserError naming the first file that is missing or not what it should be."""
    evaluate, data = folder / "evaluate", folder / "evaluate_data"
    return Results(
        retrieval=read_metrics(evaluate / "metrics.json", "retrieval")["retrieval"],
        data_quality=read_metrics(data / "metrics.json", "data_quality")["data_quality"],
        filter=read_metrics(folder / "filter" / "metrics.json", "pairs", "captions"),
        curves={name: read_curves(folder / name / "plots") for name in TRAININGS},
        recall=read_recall(evaluate / "plots" / "recall_curve.csv"),
        retrieval_examples=RETRIEVAL_EXAMPLES.read(existing(evaluate / "details" / "retrieval.parquet")).to_pylist(),
        pair_examples=PAIR_EXAMPLES.read(existing(data / "details" / "pairs.parquet")).to_pylist(),
        caption_examples=CAPTION_EXAMPLES.read(existing(data / "details" / "captions.parquet")).to_pylist(),
    )


def existing(path: Path) -> Path:
    """`path` if it is a file; else UserError naming the stage that writes it."""
    if path.is_file():
        return path
    written_by = path.parts[path.parts.index("results") + 1] if "results" in path.parts else path.parent.name
    raise UserError(
        "The report lacks a file.",
        where=path,
        fix=f"run `dvc repro {written_by}`, or `dvc pull` if a remote has it",
    )


def read_metrics(path: Path, *names: str) -> Mapping[str, Any]:
    """A stage's metrics. Raises UserError if one of the named groups is missing, or a value is not a number."""
    metrics = read_json(existing(path))
    if not isinstance(metrics, dict) or not set(names) <= set(metrics):
        raise UserError(
            "Metrics are not what the stage writes.",
            where=path,
            expected=f"the groups {', '.join(names)}",
            found=", ".join(metrics) if isinstance(metrics, dict) else type(metrics).__name__,
            fix=f"run `dvc repro -f -s {path.parent.name}`",
        )
    for key, value in values(metrics, ""):
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not (number or value is None or key.endswith(".split")):
            raise UserError(
                "Metrics hold something that is not a number.",
                where=f"{path}: {key}",
                found=repr(value)[:100],
                fix=f"run `dvc repro -f -s {path.parent.name}`",
            )
    return metrics


def values(metrics: Any, key: str) -> Iterator[tuple[str, Any]]:
    """All values in nested mappings and lists, with their dotted keys."""
    if isinstance(metrics, dict | list):
        for name, value in metrics.items() if isinstance(metrics, dict) else enumerate(metrics):
            yield from values(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, metrics


def read_curves(plots: Path) -> Curves:
    """`training.csv` and `validation.csv` of one training."""
    training, validation = (
        [numbers(row, path) for row in read_csv(path)] for path in (plots / "training.csv", plots / "validation.csv")
    )
    return Curves(training, validation)


def read_recall(path: Path) -> list[Row]:
    """Rows benchmark, direction, k, recall."""
    rows = read_csv(path)
    if any(not {"benchmark", "direction", "k", "recall"} <= row.keys() for row in rows):
        raise UserError("A curve lacks a column.", where=path, expected="benchmark, direction, k, recall")
    return [{**row, **numbers({"k": row["k"], "recall": row["recall"]}, path)} for row in rows]


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file with a header. Raises UserError if it is not one."""
    try:
        return list(csv.DictReader(io.StringIO(existing(path).read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError("A curve cannot be read.", where=path, found=str(error)) from None


def numbers(row: Mapping[str, str], path: Path) -> Numbers:
    """A row of numbers; empty cells are left out. Raises UserError for a cell that is not a number."""
    try:
        return {name: float(text) for name, text in row.items() if text != ""}
    except (ValueError, TypeError):
        raise UserError("A curve holds something that is not a number.", where=path, found=str(dict(row))) from None
