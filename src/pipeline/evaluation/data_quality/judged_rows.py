"""Generated rows with the oracle's verdicts, and examples of them for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from pipeline.evaluation.common.draw import Stream, draw, draw_each
from pipeline.evaluation.common.judge import Judge
from pipeline.evaluation.data_quality.quality import JudgedQa
from pipeline.storage.shards import MANIFEST_FILE, ImageShards
from pipeline.tables.table import Table
from pipeline.tables.triplets import SPLIT, files_of_shards


def read_rows(
    table: Table, folder: Path, suffix: str, pairs: ImageShards, keys: set[str] | None
) -> list[dict[str, Any]]:
    """Rows of `folder/<shard>-<suffix>.parquet`, of the given images or of all.

    Raises UserError if a shard of training images has no table, or a row's image is not among the pairs.
    """
    paths = files_of_shards(folder, suffix, pairs.shards(SPLIT), fix="run `dvc repro filter`")
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


def judged_qa(rows: Sequence[Mapping[str, Any]], urls: Mapping[str, str], judge: Judge) -> list[JudgedQa]:
    """Kept and rejected question-answer pairs (the latter have a `reason`) with their verdicts."""
    kinds = {question: judge.kind(question) for question in sorted({row["question"] for row in rows})}
    return [
        JudgedQa(
            key=row["key"],
            question=row["question"],
            answer=row["answer"],
            question_type=row["question_type"],
            kept=row.get("reason") is None,
            verdict=(
                judge.verdict(urls[row["key"]], row["question"], row["answer"])
                if judge.knows(urls[row["key"]])
                else None
            ),
            question_kind=kinds[row["question"]],
        )
        for row in rows
    ]


def judged_captions(rows: Sequence[Mapping[str, Any]], urls: Mapping[str, str], judge: Judge) -> list[bool] | None:
    """Whether each region caption is true; None if the truth about one of the images is not known."""
    if not rows or not all(judge.knows(urls[row["key"]]) for row in rows):
        return None
    return [judge.is_true(urls[row["key"]], row["box"], row["caption"]) for row in rows]


def qa_examples(
    rows: Sequence[Mapping[str, Any]],
    judged: Sequence[JudgedQa],
    urls: Mapping[str, str],
    judge: Judge,
    count: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Rows of PAIR_EXAMPLES: `count` kept ones, and as many for each reason of rejection."""
    chosen = draw_each([row.get("reason") for row in rows], count, seed, Stream.QA_EXAMPLES)
    return [
        {
            **rows[index],
            "kept": judged[index].kept,
            "reason": rows[index].get("reason"),
            "verdict": judged[index].verdict,
            "truth": (
                judge.answer(urls[rows[index]["key"]], rows[index]["question"]) if judged[index].verdict else None
            ),
        }
        for index in chosen
    ]


def caption_examples(
    rows: Sequence[Mapping[str, Any]], truths: Sequence[bool] | None, count: int, seed: int
) -> list[dict[str, Any]]:
    """Rows of CAPTION_EXAMPLES: `count` kept ones, and as many for each reason of rejection."""
    chosen = draw_each([row.get("reason") for row in rows], count, seed, Stream.CAPTION_EXAMPLES)
    return [
        {
            **rows[index],
            "kept": rows[index].get("reason") is None,
            "reason": rows[index].get("reason"),
            "true": None if truths is None else truths[index],
        }
        for index in chosen
    ]
