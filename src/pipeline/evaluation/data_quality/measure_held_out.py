"""The oracle's verdicts on what generator and filter model said about held-out images.

The trainings' own metrics (`results/train_*/metrics.json`) compare with the annotators' words. A region can be
described in many ways, so only a judge can say whether other words are right too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.evaluation.common.judge import Judge
from pipeline.evaluation.data_quality.quality import UNKNOWN_KIND, JudgedQa, table_quality
from pipeline.metrics.percentage import percentage
from pipeline.tables.held_out import HELD_OUT_ANSWERS, HELD_OUT_CAPTIONS

MODELS = ("generator", "filter")


def measure_held_out(results: Path, judge: Judge) -> dict[str, Any]:
    """Verdicts on answers, and the share of true captions, from `results/train_*/held_out/`, by model.

    Only rows whose image the judge knows count; a model without any has no metrics.
    """
    metrics = {model: model_metrics(results / f"train_{model}" / "held_out", judge) for model in MODELS}
    return {model: measured for model, measured in metrics.items() if measured}


def model_metrics(folder: Path, judge: Judge) -> dict[str, Any]:
    """The metrics of one model; captions are judged if it wrote any."""
    metrics: dict[str, Any] = {}
    answers = [
        JudgedQa(
            key=row["key"],
            question=row["question"],
            answer=row["answer"],
            question_type=row["question_type"],
            kept=True,
            verdict=judge.verdict(row["url"], row["question"], row["answer"]),
            question_kind=judge.kind(row["question"]) or UNKNOWN_KIND,
        )
        for row in HELD_OUT_ANSWERS.read(folder / "answers.parquet").to_pylist()
        if judge.knows(row["url"])
    ]
    if answers:
        metrics["answers"] = table_quality(answers)
    captions = folder / "captions.parquet"
    if captions.exists():
        rows = [row for row in HELD_OUT_CAPTIONS.read(captions).to_pylist() if judge.knows(row["url"])]
        true = sum(judge.is_true(row["url"], row["box"], row["caption"]) for row in rows)
        if rows:
            metrics["captions"] = {"count": len(rows), "true": percentage(true, len(rows))}
    return metrics
