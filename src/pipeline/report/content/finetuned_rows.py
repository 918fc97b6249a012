"""A row for each score of a fine-tuned model: questions, captions, retrieval before and after re-ranking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.report.labels import DIRECTIONS, count, percent, plain


@dataclass(frozen=True)
class ScoreRow:
    """A score: its name, what it was measured on, and its figures."""

    name: str
    items: str
    figures: list[str]


def finetuned_rows(scores: Mapping[str, Mapping[str, Any]]) -> list[ScoreRow]:
    """A row for every score, in the order of the parameters."""
    return [ScoreRow(plain(name), *described(metrics)) for name, metrics in scores.items()]


def described(metrics: Mapping[str, Any]) -> tuple[str, list[str]]:
    """What a score was measured on, and its figures in words."""
    if "questions" in metrics:
        figures = [
            f"VQA accuracy {percent(metrics['vqa_accuracy'])}",
            f"equal answers {percent(metrics['exact'])}",
            f"guessed without the image {percent(metrics['blind_exact'])}",
        ]
        return f"{count(metrics['questions'])} questions", figures
    if "cider" in metrics:
        return f"{count(metrics['images'])} images", [
            f"CIDEr-D {metrics['cider']:.1f}",
            f"BLEU-4 {metrics['bleu4']:.1f}",
        ]
    found = [f"{name} R@1 {recall_at_one(metrics, direction)}" for direction, name in DIRECTIONS.items()]
    return f"{count(metrics['images'])} images, {count(metrics['captions'])} captions", found


def recall_at_one(metrics: Mapping[str, Any], direction: str) -> str:
    """R@1 with its interval and, if candidates were ranked again, that after it."""
    rankings = [metrics, *([metrics["reranked"]] if "reranked" in metrics else [])]
    return " → ".join(
        f"{percent(ranking[direction]['R@1'])} ± {ranking[direction]['R@1_half_width']:.1f}" for ranking in rankings
    )
