"""What generator and filter said of held-out annotations, judged by whoever knows the truth about the images.

Their own figures (`results/train_*/metrics.json`) compare with the annotators' words; a region can be described in many
ways, so only a judge tells whether another wording is right.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.evaluation.data_quality import Pair, table_quality
from pipeline.evaluation.judged import Judge
from pipeline.metrics.percentage import percentage
from pipeline.tables.held_out import HELD_OUT_ANSWERS, HELD_OUT_CAPTIONS

MODELS = ("generator", "filter")


def measure_models(results: Path, judge: Judge) -> dict[str, Any]:
    """Verdicts on answers, and the share of true captions, of `results/train_*/held_out/`, by model.

    Only rows whose image the judge knows count; a model without any has no figures.
    """
    found = {model: judged(results / f"train_{model}" / "held_out", judge) for model in MODELS}
    return {model: figures for model, figures in found.items() if figures}


def judged(folder: Path, judge: Judge) -> dict[str, Any]:
    """The figures of one model; captions are judged if it wrote any."""
    figures: dict[str, Any] = {}
    pairs = [
        Pair(
            key=row["key"],
            question=row["question"],
            answer=row["answer"],
            question_type=row["question_type"],
            kept=True,
            verdict=judge.verdict(row["url"], row["question"], row["answer"]),
            question_kind=judge.kind(row["question"]),
        )
        for row in HELD_OUT_ANSWERS.read(folder / "answers.parquet").to_pylist()
        if judge.knows(row["url"])
    ]
    if pairs:
        figures["answers"] = table_quality(pairs)
    captions = folder / "captions.parquet"
    if captions.exists():
        rows = [row for row in HELD_OUT_CAPTIONS.read(captions).to_pylist() if judge.knows(row["url"])]
        right = sum(judge.is_true(row["url"], row["box"], row["caption"]) for row in rows)
        if rows:
            figures["captions"] = {"count": len(rows), "true": percentage(right, len(rows))}
    return figures
