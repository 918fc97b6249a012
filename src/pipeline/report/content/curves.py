"""Curves as small multiples: of the trainings, and of retrieval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from pipeline.report.charts import Axis, Point, Series, line_chart, nice_ticks, swatch
from pipeline.report.inputs import Curves, Numbers, Row
from pipeline.report.labels import DIRECTIONS, plain

NAMES = {
    "pretrain": "Pre-training",
    "train_generator": "Generator",
    "train_filter": "Filter model",
    "align": "Alignment",
}
NO_LOSS = ("step", "learning_rate", "grad_norm")
RECALL_TICKS = (1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Panel:
    """One chart with its title and, if it has several curves, its legend."""

    title: str
    chart: Markup
    legend: list[tuple[Markup, str]]


@dataclass(frozen=True)
class Panels:
    """Charts that belong together, under a name."""

    name: str
    panels: list[Panel]


def training_panels(curves: Mapping[str, Curves]) -> list[Panels]:
    """For each training one chart of all losses, then one for each validation figure."""
    groups = []
    for name, found in curves.items():
        panels = [*loss_panel(found.training), *validation_panels(found.validation)]
        if panels:
            groups.append(Panels(NAMES.get(name, plain(name)), panels))
    return groups


def loss_panel(rows: Sequence[Numbers]) -> list[Panel]:
    """The losses by step, in one chart; none without points."""
    names = [name for name in (rows[0] if rows else ()) if name not in NO_LOSS]
    series = [Series(plain(name), points(rows, name), colour) for colour, name in enumerate(names)]
    return [panel("training loss", series)] if series else []


def validation_panels(rows: Sequence[Numbers]) -> list[Panel]:
    """Every validation figure by step, in a chart of its own."""
    names = [name for name in (rows[0] if rows else ()) if name not in NO_LOSS]
    return [panel(f"validation: {plain(name)}", [Series(name, points(rows, name), 1, "marked")]) for name in names]


def points(rows: Sequence[Numbers], name: str) -> list[Point]:
    """Step and value where there is one."""
    return [(row["step"], row[name]) for row in rows if name in row]


def panel(title: str, series: Sequence[Series]) -> Panel:
    """A chart by step whose vertical axis fits its values; it begins at 0 if they come near."""
    values = [y for one in series for _, y in one.points]
    steps = [x for one in series for x, _ in one.points]
    low = 0.0 if 0 <= min(values) < 0.5 * max(values) else min(values)
    x = Axis("step", nice_ticks(0, max(steps)))
    return Panel(title, line_chart(title, series, x, Axis("", nice_ticks(low, max(values)))), legend(series))


def legend(series: Sequence[Series]) -> list[tuple[Markup, str]]:
    """Swatch and name of each curve; nothing for a single one."""
    return [(swatch(one, order), one.name) for order, one in enumerate(series)] if len(series) > 1 else []


def recall_panels(rows: Sequence[Row], retrieval: Mapping[str, Any]) -> list[Panel]:
    """R@k against k for every benchmark, both directions, with the bound of the truth where it is known."""
    panels = []
    for name in dict.fromkeys(row["benchmark"] for row in rows):
        series = [
            Series(words, [(row["k"], row["recall"]) for row in rows if _of(row, name, direction)], colour, "marked")
            for colour, (direction, words) in enumerate(DIRECTIONS.items())
        ]
        series += known_points("bound", retrieval.get(name, {})) + known_points("chance", retrieval.get(name, {}))
        x = Axis("k: the right answer is among the first k", RECALL_TICKS, logarithmic=True)
        y = Axis("R@k in percent", nice_ticks(0, 100, 6))
        panels.append(Panel(name, line_chart(f"recall at k on {name}", series, x, y), legend(series)))
    return panels


def known_points(kind: str, metrics: Mapping[str, Any]) -> list[Series]:
    """The text-to-image recalls of the bound or of chance, as a faint curve; none if they are not known."""
    recalls = metrics.get(kind, {}).get("text_to_image", {})
    found = [(float(name.removeprefix("R@")), value) for name, value in recalls.items() if name.startswith("R@")]
    return [Series(f"{kind}, text to image", sorted(found), 5, "faint")] if found else []


def _of(row: Row, benchmark: str, direction: str) -> bool:
    return row["benchmark"] == benchmark and row["direction"] == direction
