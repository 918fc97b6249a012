"""The first thing on the page: a few big numbers with what they mean, and the chain with its counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.report.charts import Bar
from pipeline.report.inputs import Results
from pipeline.report.labels import count, percent

MEANING = {
    "text_to_image": "captions that find their image {place} {total} images",
    "image_to_text": "images that find one of their captions {place} {total}",
}


@dataclass(frozen=True)
class Figure:
    """A big number, what it counts, what it is compared with, and a bar where it is a share."""

    value: str
    meaning: str
    notes: list[str]
    bar: Bar | None = None


@dataclass(frozen=True)
class Group:
    """Figures that belong together, under a name."""

    name: str
    figures: list[Figure]


def headline(results: Results, images: int, captions: int) -> list[Group]:
    """Groups of figures: each benchmark's recalls, the quality and the amount of data.

    images, captions: how many there are to train on.
    """
    groups = [
        Group(f"{'Zero-shot retrieval' if m.get('zero_shot') else 'Retrieval'} on {name}", recalls(m))
        for name, m in results.retrieval.items()
    ]
    correctness = quality(results.data_quality)
    if correctness:
        groups.append(Group("Correctness of the generated data, before → after the filter", correctness))
    return [*groups, Group("Data to learn from", amounts(results.filter, images, captions))]


def recalls(metrics: Mapping[str, Any]) -> list[Figure]:
    """R@1 and R@10 in both directions, with the bound and chance where they are known."""
    figures = []
    for direction in ("text_to_image", "image_to_text"):
        total = count(metrics["images"] if direction == "text_to_image" else metrics["captions"])
        for name, place in (("R@1", "first of"), ("R@10", "among the first 10 of")):
            value = metrics[direction][name]
            bound = metrics.get("bound", {}).get(direction, {}).get(name)
            chance = metrics.get("chance", {}).get(direction, {}).get(name)
            half_width = metrics[direction].get(f"{name}_half_width")
            notes = [f"± {half_width:.1f} (95 % interval)"] if half_width is not None else []
            compared = [] if bound is None else [f"bound {percent(bound)}"]
            compared += [] if chance is None else [f"chance {percent(chance)}"]
            figures.append(
                Figure(
                    percent(value),
                    f"{name}, " + MEANING[direction].format(place=place, total=total),
                    notes + ([" · ".join(compared)] if compared else []),
                    Bar([(value, 0)], bound),
                )
            )
    return figures


def quality(measured: Mapping[str, Any]) -> list[Figure]:
    """Shares of correct pairs and of true region captions before and after the filter, where judged."""
    found = (
        (measured, "correct", "questions with a correct answer", " among all generated and among the kept", "pairs"),
        (measured.get("captions", {}), "true", "region captions that are true of their region", "", "captions"),
    )
    figures = []
    for metrics, verdict, meaning, whole, things in found:
        tables = [metrics.get(name, {}) for name in ("generated", "kept")]
        if all(verdict in table for table in tables):
            shares = [percent(table["judged"]) for table in tables if "judged" in table]
            meaning += f", of the judged: {shares[0]} of all, {shares[1]} of the kept" if shares else whole
            before, after = (table[verdict] for table in tables)
            figures.append(improvement(before, after, meaning, effect(metrics["filter_effect"], things)))
    return figures


def improvement(before: float, after: float, meaning: str, notes: list[str]) -> Figure:
    """A share before and after the filter, in percent."""
    return Figure(f"{before:.0f} → {after:.0f} %", meaning, notes, Bar([(after, 2)], before))


def effect(figures: Mapping[str, float], things: str) -> list[str]:
    """What the filter does to right and to wrong rows."""
    return [
        f"keeps {figures['right_kept']:.0f} % of the right {things}",
        f"drops {100 - figures['wrong_kept']:.0f} % of the wrong ones",
    ]


def amounts(funnel: Mapping[str, Any], images: int, captions: int) -> list[Figure]:
    """Counts of images, kept pairs and kept region captions."""
    figures = [Figure(count(images), "images to train on", [f"with {count(captions)} captions"])]
    for kind, meaning in (("pairs", "question-answer pairs kept"), ("captions", "region captions kept")):
        kept = funnel[kind]
        note = f"{kept['keep_rate']:.0f} % of {count(kept['generated'])} generated"
        figures.append(Figure(count(kept["kept"]), meaning, [note]))
    return figures


def chain_counts(results: Results, images: int) -> dict[str, str]:
    """What the drawing of the chain says below the names of its steps."""
    pairs, captions = results.filter["pairs"], results.filter["captions"]
    best = next(iter(results.retrieval.values()), None)
    return {
        "pairs": f"{count(images)} images",
        "generator": f"{count(pairs['generated'] + captions['generated'])} texts",
        "filter": f"{count(pairs['kept'] + captions['kept'])} kept",
        "retrieval": f"R@1 {percent(best['text_to_image']['R@1'])}" if best else "no benchmark",
    }
