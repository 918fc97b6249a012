"""Recall of chance and of the retriever that knows the truth, against simulation and counting."""

from itertools import permutations

import numpy as np
import pytest

from pipeline.metrics.expected_recall import chance_recall, expected_hit, expected_recall


def counted_hit(true_own, true_all, own, total, k):
    """Every order of the candidates that keeps true ones before the others, one by one."""
    best = [True] * true_own + [False] * (true_all - true_own)
    rest = [True] * (own - true_own) + [False] * (total - true_all - (own - true_own))
    orders = [first + second for first in permutations(best) for second in permutations(rest)]
    return sum(any(order[:k]) for order in orders) / len(orders)


@pytest.mark.parametrize("true_all", [0, 1, 2, 3])
@pytest.mark.parametrize("true_own", [0, 1, 2])
def test_expected_hit_counts_all_orders(true_all, true_own):
    if true_own > true_all:
        return
    for k in (1, 2, 3, 5, 9):
        assert expected_hit(true_own, true_all, 2, 5, k) == pytest.approx(counted_hit(true_own, true_all, 2, 5, k))


def test_expected_recall_of_a_small_world():
    owner = np.array([0, 1, 1])
    holds = np.array([[True, True], [False, True], [True, True]])
    expected = expected_recall(holds, owner)
    assert expected["text_to_image"]["R@1"] == pytest.approx(100 * (0.5 + 1 + 0.5) / 3)
    assert expected["image_to_text"]["R@1"] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)
    assert expected["text_to_image"]["R@5"] == 100.0


def test_chance_is_the_retriever_to_whom_everything_is_true():
    owner = np.repeat(np.arange(40), [1, 3] * 20)
    chance = chance_recall(owner, 40)
    everything = expected_recall(np.ones((80, 40), dtype=bool), owner)
    for direction, recalls in everything.items():
        assert recalls == pytest.approx(chance[direction])
    assert chance["text_to_image"]["R@5"] == pytest.approx(12.5)
    assert chance["image_to_text"]["R@1"] == pytest.approx(100 * 2 / 80)
