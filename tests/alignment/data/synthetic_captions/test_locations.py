"""Location phrases of boxes, and which phrases get none."""

import pytest

from pipeline.alignment.data.synthetic_captions.locations import with_location


@pytest.mark.parametrize(
    ("phrase", "box", "expected"),
    [
        ("a red car", (0.0, 0.0, 0.3, 0.3), "a red car in the top left"),
        ("a red car", (0.4, 0.0, 0.6, 0.2), "a red car at the top"),
        ("a red car", (0.7, 0.4, 1.0, 0.6), "a red car on the right"),
        ("a red car", (0.3, 0.3, 0.7, 0.7), "a red car in the center"),
        ("a red car", (1.0, 1.0, 1.0, 1.0), "a red car in the bottom right"),
        ("a red car", (0.0, 0.0, 0.7, 0.2), "a red car"),
        ("the car is red", (0.0, 0.0, 0.3, 0.3), "the car is red"),
        ("the car is red", None, "the car is red"),
    ],
)
def test_small_boxes_are_located(phrase: str, box: tuple[float, float, float, float] | None, expected: str) -> None:
    assert with_location(phrase, box) == expected
