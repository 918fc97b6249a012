"""Reads what earlier stages measured; the only module here, besides pictures, that touches files.

Results are small files that anyone can edit, so they are checked before a page is made of them: numbers are finite and
not negative, shares are at most 100 percent, and the counts of the filter add up.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.core.files import read_json
from pipeline.tables.examples import CAPTION_EXAMPLES, PAIR_EXAMPLES, RETRIEVAL_EXAMPLES
from pipeline.tables.table import Table

SHARE = re.compile(
    r"(^|\.)(R@\d+(_half_width)?|mean_recall|keep_rate|judged|correct|wrong|unanswerable|not_understood|true"
    r"|distinct_questions|blind_accuracy|vqa_accuracy|(blind_)?exact(_normalised)?|bleu4|head_noun(_open|_strict)?)$"
)
"""Keys whose values are percentages."""
TRAININGS = ("pretrain", "train_generator", "train_filter", "align")

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
    test: Mapping[str, Any]
    filter: Mapping[str, Any]
    finetuned: Mapping[str, Any]
    curves: Mapping[str, Curves]
    recall: list[Row]
    retrieval_examples: list[Row]
    pair_examples: list[Row]
    caption_examples: list[Row]


def read_results(folder: Path) -> Results:
    """All of `results/`. Raises UserError naming the first file that is missing or not what it should be."""
    evaluate, data = folder / "evaluate", folder / "evaluate_data"
    measured = read_metrics(data / "metrics.json", "data_quality")
    found = Results(
        retrieval=read_metrics(evaluate / "metrics.json", "retrieval")["retrieval"],
        data_quality=measured["data_quality"],
        test=measured.get("test", {}),
        filter=read_metrics(folder / "filter" / "metrics.json", "pairs", "captions"),
        finetuned=read_metrics(folder / "evaluate_finetuned" / "metrics.json"),
        curves={name: read_curves(folder / name / "plots") for name in TRAININGS},
        recall=read_recall(evaluate / "plots" / "recall_curve.csv"),
        retrieval_examples=read_examples(RETRIEVAL_EXAMPLES, evaluate / "details" / "retrieval.parquet"),
        pair_examples=read_examples(PAIR_EXAMPLES, data / "details" / "pairs.parquet"),
        caption_examples=read_examples(CAPTION_EXAMPLES, data / "details" / "captions.parquet"),
    )
    check_counts(found, folder)
    return found


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
    """A stage's metrics. Raises UserError if one of the named groups is missing, or a value is not possible."""
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
        number = isinstance(value, int | float) and not isinstance(value, bool)
        most = 100.0 if SHARE.search(key) else math.inf
        word = key.endswith(".split") or (key.endswith(".zero_shot") and isinstance(value, bool))
        if not ((number and 0 <= value <= most and value < math.inf) or value is None or word):
            raise UserError(
                "Metrics hold something that cannot be.",
                where=f"{path}: {key}",
                expected="a share from 0 to 100" if SHARE.search(key) else "a number of 0 or more",
                found=repr(value)[:100],
                fix=f"run `dvc repro -f -s {path.parent.name}`",
            )
    return metrics


def check_counts(found: Results, folder: Path) -> None:
    """Raise UserError if the filter's rows are not what it kept and rejected, or fewer than were judged of them."""
    fix = "run `dvc repro -f -s filter evaluate_data`"
    for kind in ("pairs", "captions"):
        where = f"{folder}: filter/metrics.json ({kind}), evaluate_data/metrics.json"
        counts = found.filter[kind]
        judged = found.data_quality if kind == "pairs" else found.data_quality.get("captions", {})
        try:
            generated, kept, rejected = counts["generated"], counts["kept"], sum(counts["reasons"].values())
            seen, seen_kept = (judged.get(part, {}).get("count", 0) for part in ("generated", "kept"))
            fits = generated == kept + rejected and seen <= generated and seen_kept <= kept
        except (KeyError, TypeError, AttributeError) as error:
            problem, reason = "Metrics are not what the stages write.", f"{type(error).__name__}: {error}"
            raise UserError(problem, where=where, found=reason, fix=fix) from None
        if not fits:
            raise UserError(
                "The counts of the filter do not add up.",
                where=where,
                expected="as many rows as were kept and rejected, and at least those that were judged",
                found=f"{generated} generated, {kept} kept, {rejected} rejected; judged {seen}, {seen_kept} kept",
                fix=fix,
            )


def read_examples(table: Table, path: Path) -> list[Row]:
    """Rows of one of the tables of examples. Raises UserError if a number is not finite."""
    rows = table.read(existing(path))
    for field in table.schema:
        found = rows[field.name].drop_null().to_numpy() if pa.types.is_floating(field.type) else np.zeros(0)
        if not np.isfinite(found).all():
            raise UserError("An example holds something that is not a number.", where=f"{path}: {field.name}")
    return rows.to_pylist()


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
        [numbers(row, path) for row in read_csv(path, "step")]
        for path in (plots / "training.csv", plots / "validation.csv")
    )
    return Curves(training, validation)


def read_recall(path: Path) -> list[Row]:
    """Rows benchmark, direction, k, recall."""
    rows = read_csv(path, "benchmark", "direction", "k", "recall")
    return [{**row, **numbers({"k": row["k"], "recall": row["recall"]}, path)} for row in rows]


def read_csv(path: Path, *columns: str) -> list[dict[str, str]]:
    """Rows of a CSV file with a header. Raises UserError if it is not one, or lacks one of the columns."""
    try:
        reader = csv.DictReader(io.StringIO(existing(path).read_text(encoding="utf-8")))
        if not set(columns) <= set(reader.fieldnames or ()):
            raise UserError("A curve lacks a column.", where=path, expected=", ".join(columns))
        return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError("A curve cannot be read.", where=path, found=str(error)) from None


def numbers(row: Mapping[str, str], path: Path) -> Numbers:
    """A row of numbers; empty cells are left out. Raises UserError for a cell that is not a finite number."""
    try:
        found = {name: float(text) for name, text in row.items() if text != ""}
    except (ValueError, TypeError):
        found = {"": math.nan}
    if not all(map(math.isfinite, found.values())):
        raise UserError("A curve holds something that is not a number.", where=path, found=str(dict(row))[:300])
    return found
