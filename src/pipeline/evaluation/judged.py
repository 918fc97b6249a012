"""Generated rows with the verdicts of whoever knows the truth about their images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow.compute as pc

from pipeline.evaluation.data_quality import Pair, Verdict
from pipeline.evaluation.draw import draw_each
from pipeline.tables.table import Table


class Judge(Protocol):
    """Knows the truth about images, named by their urls."""

    def knows(self, url: str) -> bool:
        """Is the truth about this image known?"""
        ...

    def verdict(self, url: str, question: str, answer: str) -> Verdict:
        """Is this the answer to the question?"""
        ...

    def answer(self, url: str, question: str) -> str | None:
        """The right answer; None if there is none."""
        ...

    def kind(self, question: str) -> str | None:
        """What the question is about; None if it is not understood."""
        ...

    def is_true(self, url: str, box: Sequence[float], caption: str) -> bool:
        """Is the caption true of the region?"""
        ...


def read_rows(folder: Path, kind: str, table: Table, keys: set[str] | None) -> list[dict[str, Any]]:
    """Rows of `folder/*-<kind>.parquet`, of the given images or of all."""
    parts = [table.read(path) for path in sorted(folder.glob(f"*-{kind}.parquet"))]
    if keys is not None:
        parts = [part.filter(pc.field("key").isin(sorted(keys))) for part in parts]
    return [row for part in parts for row in part.to_pylist()]


def chosen_images(keys: Sequence[str], limit: int | None, seed: int) -> set[str] | None:
    """At most `limit` images at random; None (all of them) if there are no more than that."""
    if limit is None or len(keys) <= limit:
        return None
    return {keys[int(place)] for place in np.random.default_rng([seed, 3]).permutation(len(keys))[:limit]}


def judged_pairs(rows: Sequence[Mapping[str, Any]], urls: Mapping[str, str], judge: Judge) -> list[Pair]:
    """Kept and rejected rows (these have a `reason`) as evaluation sees them."""
    kinds = {question: judge.kind(question) for question in sorted({row["question"] for row in rows})}
    return [
        Pair(
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
    """Truth of every region caption; None if that of some image is not known."""
    if not rows or not all(judge.knows(urls[row["key"]]) for row in rows):
        return None
    return [judge.is_true(urls[row["key"]], row["box"], row["caption"]) for row in rows]


def pair_examples(
    rows: Sequence[Mapping[str, Any]],
    pairs: Sequence[Pair],
    urls: Mapping[str, str],
    judge: Judge,
    count: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Rows of PAIR_EXAMPLES: `count` kept ones and as many for each reason of rejection."""
    places = draw_each([row.get("reason") for row in rows], count, seed, 4)
    return [
        {
            **rows[place],
            "kept": pairs[place].kept,
            "reason": rows[place].get("reason"),
            "verdict": pairs[place].verdict,
            "truth": (
                judge.answer(urls[rows[place]["key"]], rows[place]["question"]) if pairs[place].verdict else None
            ),
        }
        for place in places
    ]


def caption_examples(
    rows: Sequence[Mapping[str, Any]], truths: Sequence[bool] | None, count: int, seed: int
) -> list[dict[str, Any]]:
    """Rows of CAPTION_EXAMPLES: `count` kept ones and as many for each reason of rejection."""
    places = draw_each([row.get("reason") for row in rows], count, seed, 5)
    return [
        {
            **rows[place],
            "kept": rows[place].get("reason") is None,
            "reason": rows[place].get("reason"),
            "true": None if truths is None else truths[place],
        }
        for place in places
    ]
