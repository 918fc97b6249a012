"""Boxes: JADE's steps, and overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage.boxes import FULL_IMAGE, intersection_over_union, location_steps


def test_location_steps() -> None:
    assert location_steps(FULL_IMAGE) == [0, 0, 223, 223]
    assert location_steps([0, 0.5, 1, 1]) == [0, 112, 223, 223]
    assert location_steps([-0.1, 0.9999, 2, 0.0023]) == [0, 223, 223, 1]


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_location_steps_of_a_box_inside_the_image_follow_the_formula_of_jade(box: list[float]) -> None:
    assert location_steps(box) == [min(round(corner * 224), 223) for corner in box]


def test_intersection_over_union() -> None:
    assert intersection_over_union([0, 0, 1, 1], [0, 0, 0.5, 1]) == 0.5
    assert intersection_over_union([0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]) == 0.0
    assert intersection_over_union([0, 0, 0, 0], [0, 0, 0, 0]) == 0.0
