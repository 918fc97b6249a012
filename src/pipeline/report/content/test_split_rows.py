"""The final measurement in rows: region captions with and without the image, and the answers of both models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.report.content.finetuned_rows import ScoreRow
from pipeline.report.labels import count, percent

CAPTIONS = {
    "region_captions": "region captions of the generator",
    "region_captions_blind": "region captions guessed from the box alone",
}
ANSWERS = {"generator_answers": "answers of the generator", "filter_answers": "answers of the filter model"}


@dataclass(frozen=True)
class FinalMeasurement:
    """The number of test images, how many of them are among the pairs (empty: none), and the rows."""

    images: str
    among_pairs: str
    rows: list[ScoreRow]


def final_measurement(metrics: Mapping[str, Any]) -> FinalMeasurement | None:
    """What was measured on the split test; None if nothing was."""
    if not metrics:
        return None
    among_pairs = metrics["images_among_pairs"]
    captions = [ScoreRow(words, *of_captions(metrics[name])) for name, words in CAPTIONS.items() if name in metrics]
    answers = [row for name, words in ANSWERS.items() if name in metrics for row in of_answers(words, metrics[name])]
    return FinalMeasurement(count(metrics["images"]), count(among_pairs) if among_pairs else "", [*captions, *answers])


def of_captions(metrics: Mapping[str, Any]) -> tuple[str, list[str]]:
    """What region captions were measured on, and their figures."""
    return f"{count(metrics['boxes'])} boxes, {count(metrics['phrases'])} phrases", [
        f"CIDEr-D {metrics['cider']:.1f}",
        f"right noun {percent(metrics['head_noun'])}",
        f"open {percent(metrics['head_noun_open'])}",
        f"same noun {percent(metrics['head_noun_strict'])}",
    ]


def of_answers(words: str, metrics: Mapping[str, Any]) -> Iterator[ScoreRow]:
    """A row for all answers of a model, and one for each source if there are several."""
    for name, figures in {words: metrics, **metrics.get("by_source", {})}.items():
        yield ScoreRow(
            name if figures is metrics else f"{words}, {name}",
            f"{count(figures['questions'])} questions",
            [
                f"VQA accuracy {percent(figures['vqa_accuracy'])}",
                f"equal answers {percent(figures['exact_normalised'])}",
                f"guessed without the image {percent(figures['blind_exact_normalised'])}",
            ],
        )
