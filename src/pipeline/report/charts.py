"""Small charts: line charts as inline SVG, bars as numbers that the template draws.

A chart is text made from numbers, nothing else: no ids, no scripts, no fixed colours. Colours come from the
page's style sheet through classes (`c0` … `c5`, the palette of Okabe and Ito 2008, safe for colour-blind
readers), so that one chart serves light, dark and printed pages. Lines also differ by their dashes, so colour
is never the only sign.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from markupsafe import Markup, escape

Point = tuple[float, float]
Style = Literal["line", "marked", "faint"]

WIDTH, HEIGHT = 340, 214
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 38
LONGEST = 240
COLOURS = 6


@dataclass(frozen=True)
class Bar:
    """Shares in percent with their colours' numbers, side by side, and a line across at `mark` percent."""

    shares: Sequence[tuple[float, int]]
    mark: float | None = None


@dataclass(frozen=True)
class Series:
    """One curve: its name, its points by rising x, its colour's number and whether its points are marked."""

    name: str
    points: Sequence[Point]
    colour: int = 0
    style: Style = "line"


@dataclass(frozen=True)
class Axis:
    """One axis: its label, its ticks, and whether it is logarithmic. The first and last tick are its ends."""

    label: str
    ticks: Sequence[float]
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Where a value lies on the axis: 0 at the first tick, 1 at the last, cut off outside."""
        low, high, at = self.ticks[0], self.ticks[-1], value
        if self.logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(max(value, low))
        return min(1.0, max(0.0, (at - low) / (high - low)))


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round values (1, 2 or 5 times a power of ten apart) that enclose [low, high]."""
    if not math.isfinite(low) or not math.isfinite(high):
        raise ValueError(f"an axis needs finite ends, found {low} and {high}")
    size = max(abs(low), abs(high))
    if high - low <= 1e-9 * max(size, 1e-6):
        pad = 0.1 * size if size > 1e-6 else 1.0
        low, high = low - pad, high + pad
    rough = (high - low) / max(1, count - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = 3 - math.floor(math.log10(step))
    return [round(n * step, digits) for n in range(first, last + 1)]


def thin(points: Sequence[Point], most: int = LONGEST) -> list[Point]:
    """The points, or at most `most` averages of neighbouring ones when there are more."""
    if len(points) <= most:
        return list(points)
    ends = [len(points) * n // most for n in range(most + 1)]
    return [_mean(points[start:end]) for start, end in pairwise(ends)]


def number(value: float) -> str:
    """A tick's or label's number: thousands separated, at most four significant digits below 1,000."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def line_chart(title: str, series: Sequence[Series], x: Axis, y: Axis) -> Markup:
    """A chart of WIDTH × HEIGHT units; `title` is read out by screen readers, not drawn."""
    parts = [_grid(x, y)]
    parts += [_curve(one, x, y, order) for order, one in enumerate(series)]
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, title, Markup("").join(parts)
    )


def swatch(series: Series, order: int) -> Markup:
    """A short piece of a curve's line, for the legend; `order` is its place in the chart."""
    line = Markup('<line x1="1" y1="5" x2="23" y2="5" class="{}"/>').format(_line_class(series, order))
    mark = Markup('<circle cx="12" cy="5" r="3"/>') if series.style == "marked" else Markup("")
    return Markup('<svg class="swatch c{}" viewBox="0 0 24 10" aria-hidden="true">{}{}</svg>').format(
        series.colour % COLOURS, line, mark
    )


def _grid(x: Axis, y: Axis) -> Markup:
    parts = []
    for tick in y.ticks:
        at = _short(_down(y.place(tick)))
        parts.append(Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(LEFT, WIDTH - RIGHT, at, at))
        parts.append(Markup('<text x="{}" y="{}" dy="0.35em" class="end">{}</text>').format(LEFT - 6, at, number(tick)))
    for tick in x.ticks:
        at = _short(_across(x.place(tick)))
        low = HEIGHT - BOTTOM
        parts.append(Markup('<line class="tick" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(at, at, low, low + 4))
        parts.append(Markup('<text x="{}" y="{}" class="middle">{}</text>').format(at, low + 16, number(tick)))
    parts.append(
        Markup('<text x="{}" y="{}" class="middle label">{}</text>').format(
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, x.label
        )
    )
    if y.label:
        parts.append(
            Markup('<text transform="translate(10 {}) rotate(-90)" class="middle label">{}</text>').format(
                (TOP + HEIGHT - BOTTOM) / 2, y.label
            )
        )
    return Markup("").join(parts)


def _curve(series: Series, x: Axis, y: Axis, order: int) -> Markup:
    places = [(_across(x.place(px)), _down(y.place(py))) for px, py in thin(series.points)]
    path = " ".join(f"{_short(px)},{_short(py)}" for px, py in places)
    line = Markup('<polyline class="{}" points="{}"/>').format(_line_class(series, order), path)
    marks = [Markup('<circle cx="{}" cy="{}" r="3"/>').format(_short(px), _short(py)) for px, py in places]
    shown = Markup("").join(marks) if series.style == "marked" or len(places) == 1 else Markup("")
    return Markup('<g class="c{}"><title>{}</title>{}{}</g>').format(
        series.colour % COLOURS, escape(series.name), line, shown
    )


def _line_class(series: Series, order: int) -> str:
    return f"curve dash{order % 4}" + (" faint" if series.style == "faint" else "")


def _across(place: float) -> float:
    return LEFT + place * (WIDTH - LEFT - RIGHT)


def _down(place: float) -> float:
    return HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM)


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _mean(points: Sequence[Point]) -> Point:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
