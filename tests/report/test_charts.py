"""Charts: well-formed, inside their frame, and free of what a name may hold."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.charts import (
    HEIGHT,
    WIDTH,
    Axis,
    Series,
    line_chart,
    nice_ticks,
    number,
    swatch,
    thin,
)

finite = st.floats(-1e6, 1e6, allow_nan=False)


@given(finite, finite, st.integers(2, 8))
def test_ticks_enclose_the_values_evenly(one, other, count):
    low, high = min(one, other), max(one, other)
    ticks = nice_ticks(low, high, count)
    gaps = [b - a for a, b in pairwise(ticks)]
    tolerance = 1e-6 * max(1.0, abs(low), abs(high))
    assert ticks[0] <= low + tolerance and ticks[-1] >= high - tolerance
    assert max(gaps) - min(gaps) <= tolerance and len(ticks) <= 2 * count + 2


def test_ticks_are_round():
    assert nice_ticks(0, 97, 6) == [0, 20, 40, 60, 80, 100]
    assert nice_ticks(0.3, 0.3)[0] < 0.3 < nice_ticks(0.3, 0.3)[-1]
    with pytest.raises(ValueError, match="finite"):
        nice_ticks(0, float("nan"))


@given(st.lists(st.tuples(st.floats(0, 100), finite), min_size=1, max_size=40))
def test_a_chart_is_well_formed_and_stays_inside(points):
    points = sorted(points)
    y = Axis("y", nice_ticks(min(v for _, v in points), max(v for _, v in points)))
    svg = line_chart("a <b> & 'c'", [Series("x", points, style="marked")], Axis("x", nice_ticks(0, 100)), y)
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] == "a <b> & 'c'"
    for polyline in root.iter("polyline"):
        for place in polyline.attrib["points"].split():
            across, down = map(float, place.split(","))
            assert 0 <= across <= WIDTH and 0 <= down <= HEIGHT


def test_names_are_escaped():
    svg = line_chart("t", [Series("<script>", [(0, 0), (1, 1)])], Axis("<x>", [0, 1]), Axis("<y>", [0, 1]))
    assert "<script>" not in svg and "<x>" not in svg
    ElementTree.fromstring(svg)
    ElementTree.fromstring(swatch(Series("s", [], style="marked"), 1))


def test_a_logarithmic_axis():
    axis = Axis("k", [1, 10, 100], logarithmic=True)
    assert [axis.place(v) for v in (0, 1, 10, 100, 1000)] == pytest.approx([0, 0, 0.5, 1, 1])


def test_many_points_become_averages():
    points = [(float(n), 2.0 * n) for n in range(1000)]
    thinned = thin(points, 10)
    assert len(thinned) == 10 and thinned[0] == (49.5, 99.0)
    assert thin(points[:5], 10) == points[:5]


def test_numbers_are_short():
    assert [number(v) for v in (0.0001234, 0.25, 12.0, 12345.6)] == ["0.0001234", "0.25", "12", "12,346"]
