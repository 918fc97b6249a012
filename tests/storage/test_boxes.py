"""Boxes: overlap."""

from pipeline.storage.boxes import intersection_over_union


def test_intersection_over_union():
    assert intersection_over_union([0, 0, 1, 1], [0, 0, 0.5, 1]) == 0.5
    assert intersection_over_union([0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]) == 0.0
    assert intersection_over_union([0, 0, 0, 0], [0, 0, 0, 0]) == 0.0
