"""Generated rows with their verdicts, and examples of them for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from pipeline.evaluation.common.draw import Stream, draw, draw_each
from pipeline.evaluation.data_quality.quality import UNKNOWN_KIND, JudgedQa
from pipeline.evaluation.data_quality.row_judge import RowJudge
from pipeline.storage.shards import MANIFEST_FILE, ImageShards
from pipeline.tables.table import Table
from pipeline.tables.triplets import files_of_shards

Rows = Sequence[Mapping[str, Any]]


def read_rows(
    table: Table, suffix: str, folder: Path, pairs: ImageShards, split: str, keys: set[str] | None
) -> list[dict[str, Any]]:
    """Rows of `folder/<shard>-<suffix>.parquet` of a split, of the given images or of all.

    Raises UserError if a shard of the split has no table, or a row's image is not among the pairs.
    """
    paths = files_of_shards(folder, suffix, pairs.shards(split), fix="run `dvc repro filter`")
    parts = [table.read(path) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        table.check_images(part, pairs.keys, path, pairs.folder / MANIFEST_FILE)
    if keys is not None:
        parts = [part.filter(pc.field("key").isin(sorted(keys))) for part in parts]
    return [row for part in parts for row in part.to_pylist()]


def chosen_images(keys: Sequence[str], limit: int | None, seed: int) -> set[str] | None:
    """At most `limit` images at random; None (all of them) if there are no more than that."""
    if limit is None or len(keys) <= limit:
        return None
    return {keys[index] for index in draw(len(keys), limit, seed, Stream.JUDGED_IMAGES)}


def judged_qa(rows: Rows, judge: RowJudge) -> list[JudgedQa]:
    """Kept and rejected question-answer pairs (the latter have a `reason`) with their verdicts."""
    kinds = {question: judge.oracle.kind(question) for question in sorted({row["question"] for row in rows})}
    return [
        JudgedQa(
            key=row["key"],
            question=row["question"],
            answer=row["answer"],
            question_type=row["question_type"],
            kept=row.get("reason") is None,
            verdict=judge.verdict(row),
            question_kind=kinds[row["question"]] or UNKNOWN_KIND if judge.has_oracle(row["key"]) else None,
        )
        for row in rows
    ]


def qa_examples(rows: Rows, judged: Sequence[JudgedQa], judge: RowJudge, count: int, seed: int) -> list[dict[str, Any]]:
    """Rows of PAIR_EXAMPLES: `count` kept ones, and as many for each reason of rejection."""
    chosen = draw_each([row.get("reason") for row in rows], count, seed, Stream.QA_EXAMPLES)
    return [
        {
            **rows[index],
            "kept": judged[index].kept,
            "reason": rows[index].get("reason"),
            "verdict": judged[index].verdict,
            "truth": judge.truth(rows[index]) if judged[index].verdict else None,
        }
        for index in chosen
    ]


def caption_examples(rows: Rows, truths: Sequence[bool | None], count: int, seed: int) -> list[dict[str, Any]]:
    """Rows of CAPTION_EXAMPLES: `count` kept ones, and as many for each reason of rejection."""
    chosen = draw_each([row.get("reason") for row in rows], count, seed, Stream.CAPTION_EXAMPLES)
    return [
        {
            **rows[index],
            "kept": rows[index].get("reason") is None,
            "reason": rows[index].get("reason"),
            "true": truths[index],
        }
        for index in chosen
    ]
