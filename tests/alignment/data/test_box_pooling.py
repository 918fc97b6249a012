"""RoI pooling as weights over tokens."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alignment.data.box_pooling import box_weights, mirrored

sides = st.floats(0, 1, allow_nan=False, width=32)


def slow_pooled(image: np.ndarray, box: np.ndarray, fine: int) -> float:
    """Mean of a cell-wise constant image over a box, by counting fine pixels whose centre lies in it."""
    rows, columns = image.shape
    total, count = 0.0, 0
    for y in (np.arange(fine) + 0.5) / fine:
        for x in (np.arange(fine) + 0.5) / fine:
            if box[0] <= x < box[2] and box[1] <= y < box[3]:
                total += image[int(y * rows), int(x * columns)]
                count += 1
    return total / count


def test_pooling_is_the_mean_over_the_box() -> None:
    image = np.arange(12.0).reshape(3, 4)
    for box in ([0, 0, 1, 1], [0.25, 0.5, 0.75, 1], [0.1, 0.2, 0.6, 0.9], [0.5, 0.5, 1, 1]):
        weights = box_weights(np.array([box], dtype=float), (3, 4), prefix=1)
        assert weights.shape == (1, 13) and weights[0, 0] == 0
        assert abs(float(weights[0, 1:] @ image.ravel()) - slow_pooled(image, np.array(box), 120)) < 0.05


@settings(deadline=None)
@given(st.lists(st.tuples(sides, sides, sides, sides), min_size=1, max_size=4))
def test_weights_sum_to_one_whatever_the_box(boxes: list[tuple[float, float, float, float]]) -> None:
    weights = box_weights(np.array(boxes), (6, 6), prefix=0)
    assert np.allclose(weights.sum(axis=1), 1, atol=1e-5) and (weights >= 0).all()


def test_mirrored_boxes_weigh_the_mirrored_cells() -> None:
    boxes = np.array([[0.1, 0.2, 0.4, 0.9]])
    weights = box_weights(boxes, (5, 4), prefix=0).reshape(5, 4)
    turned = box_weights(mirrored(boxes), (5, 4), prefix=0).reshape(5, 4)
    assert np.allclose(weights[:, ::-1], turned, atol=1e-6)
