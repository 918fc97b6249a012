"""The verdicts on generated pairs, before and after the filter, and who gave them.

An oracle judges every row. Held-back annotations judge some; then the share of judged rows stands beside the verdicts,
which are shares of the judged rows alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.report.charts import Bar
from pipeline.report.labels import VERDICTS, count, percent

VERDICT_COLOURS = {"correct": 2, "wrong": 1, "unanswerable": 3, "not_understood": 5}
TABLES = ("generated", "kept", "rejected")


@dataclass(frozen=True)
class VerdictRow:
    """One table's verdicts: a stacked bar and its numbers, and how much of the table was judged."""

    name: str
    count: str
    judged: str
    bar: Bar | None
    shares: list[str]
    distinct: str
    blind: str


@dataclass(frozen=True)
class VerdictTable:
    """The verdicts' names with their colours, and the rows; `partly` if a part of the pairs was judged."""

    names: list[tuple[str, int]]
    rows: list[VerdictRow]
    partly: bool


@dataclass(frozen=True)
class Judges:
    """Whether an oracle judged; how many images annotations judged (empty: none), and shares of judged rows."""

    oracle: bool
    annotated_images: str
    pairs: str
    captions: str

    @property
    def names(self) -> str:
        """Whose the verdicts are; empty if there are none."""
        annotations = ["that of held-back annotations"] if self.annotated_images else []
        return ", or ".join([*(["the oracle's"] if self.oracle else []), *annotations])


def judges(quality: Mapping[str, Any]) -> Judges:
    """Who judged the generated rows."""
    captions = quality.get("captions", {}).get("generated", {})
    return Judges(
        oracle="unanswerable" in quality["generated"],
        annotated_images=count(quality["annotated_images"]) if "annotated_images" in quality else "",
        pairs=judged_share(quality["generated"], "correct"),
        captions=judged_share(captions, "true"),
    )


def judged_share(metrics: Mapping[str, Any], verdict: str) -> str:
    """How many of a table's rows were judged, given its metrics and a verdict that they hold if any was."""
    return percent(metrics.get("judged", 100.0 if verdict in metrics else 0.0))


def verdict_table(quality: Mapping[str, Any]) -> VerdictTable:
    """All generated pairs, the kept and the rejected ones, of training images and of val images if there are any."""
    parts = {name: quality[name] for name in TABLES}
    parts |= {f"{name}, val images": quality["val"][name] for name in TABLES if "val" in quality}
    verdicts = [name for name in VERDICTS if any(name in metrics for metrics in parts.values())]
    return VerdictTable(
        [(VERDICTS[name], VERDICT_COLOURS[name]) for name in verdicts],
        [verdict_row(name, metrics, verdicts) for name, metrics in parts.items()],
        partly=any("judged" in metrics for metrics in parts.values()),
    )


def verdict_row(name: str, metrics: Mapping[str, Any], verdicts: list[str]) -> VerdictRow:
    """The row of one table; without verdicts if none of its pairs was judged."""
    shares = [(metrics.get(verdict, 0.0), VERDICT_COLOURS[verdict]) for verdict in verdicts if "correct" in metrics]
    return VerdictRow(
        name,
        count(metrics["count"]),
        judged_share(metrics, "correct"),
        Bar(shares) if shares else None,
        [percent(share) for share, _ in shares],
        percent(metrics["distinct_questions"]),
        percent(metrics["blind_accuracy"]),
    )
