"""The data engine in tables: the funnel with its reasons, and rates by type and kind of question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.report.charts import Bar
from pipeline.report.labels import count, percent, plain, reason_words
from pipeline.triplets.filter.reasons import CAPTION_STEPS, QA_STEPS, Steps
from pipeline.triplets.statistics.funnel import funnel


@dataclass(frozen=True)
class FunnelStep:
    """What is left after one step, and what fell there for which reasons."""

    name: str
    left: str
    share: str
    bar: Bar
    lost: str
    reasons: list[str]


@dataclass(frozen=True)
class Funnel:
    """All steps for one kind of rows."""

    name: str
    steps: list[FunnelStep]


@dataclass(frozen=True)
class Measure:
    """A share with its bar; empty where it does not apply."""

    text: str
    bar: Bar


@dataclass(frozen=True)
class RateRow:
    """One type or kind of question: how many, how many stay, how many are correct before and after."""

    name: str
    generated: str
    kept: Measure
    before: Measure | None
    after: Measure | None


@dataclass(frozen=True)
class RateTable:
    """Rates by one property of questions; `judged` if correctness is known."""

    name: str
    rows: list[RateRow]
    judged: bool


def funnels(metrics: Mapping[str, Any]) -> list[Funnel]:
    """The funnels of question-answer pairs and of region captions, from the filter's metrics."""
    return [
        Funnel(name, funnel_steps(metrics[kind], steps))
        for name, kind, steps in (
            ("Question-answer pairs", "pairs", QA_STEPS),
            ("Region captions", "captions", CAPTION_STEPS),
        )
        if metrics[kind]["generated"]
    ]


def funnel_steps(metrics: Mapping[str, Any], steps: Steps) -> list[FunnelStep]:
    """What is left after each step, from everything generated to what is kept."""
    reasons, total = metrics["reasons"], metrics["generated"]
    table = funnel(total, reasons, steps)
    shown, before = [], total
    for name, left in table:
        met = [reason for reason in steps.get(name, ()) if reasons.get(reason)]
        share = 100.0 * left / total
        shown.append(
            FunnelStep(
                name,
                count(left),
                percent(share),
                Bar([(share, 0)]),
                f"− {count(before - left)}" if before > left else "",
                [f"{reason_words(reason)} {count(reasons[reason])}" for reason in met],
            )
        )
        before = left
    last = 100.0 * metrics["kept"] / total
    return [*shown, FunnelStep("kept", count(metrics["kept"]), percent(last), Bar([(last, 2)]), "", [])]


def rate_tables(metrics: Mapping[str, Any], quality: Mapping[str, Any]) -> list[RateTable]:
    """Keep rates and correctness by type of question, and by what they ask about where an oracle knows it."""
    generated, kept = quality["generated"], quality["kept"]
    by_type = {name: (rate["generated"], rate["kept"]) for name, rate in metrics["pairs"]["by_type"].items()}
    kinds, kept_kinds = generated.get("by_kind", {}), kept.get("by_kind", {})
    by_kind = {name: (shares["count"], kept_kinds.get(name, {"count": 0})["count"]) for name, shares in kinds.items()}
    tables = (
        ("type of question", by_type, generated.get("by_type", {}), kept.get("by_type", {})),
        ("what is asked about", by_kind, kinds, kept_kinds),
    )
    return [
        RateTable(name, rate_rows(counts, before, after), judged=bool(before))
        for name, counts, before, after in tables
        if counts
    ]


def rate_rows(
    counts: Mapping[str, tuple[int, int]], before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[RateRow]:
    """One row per name, the most frequent first; counts: generated and kept rows."""
    return [
        RateRow(
            plain(name),
            count(generated),
            measure(100.0 * kept / generated if generated else 0.0, 0),
            correctness(before, name),
            correctness(after, name),
        )
        for name, (generated, kept) in sorted(counts.items(), key=lambda item: (-item[1][0], item[0]))
    ]


def correctness(shares: Mapping[str, Any], name: str) -> Measure | None:
    """The share of correct pairs of one name; None if none of them was judged."""
    return measure(shares[name]["correct"], 2) if "correct" in shares.get(name, {}) else None


def measure(share: float, colour: int) -> Measure:
    """A share in percent with its bar."""
    return Measure(percent(share), Bar([(share, colour)]))
