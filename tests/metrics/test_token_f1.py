"""Token F1 between two answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.token_f1 import token_f1


def test_token_f1_is_the_published_one():
    assert token_f1("the red ball", "red ball") == 1.0
    assert token_f1("red big ball", "red ball") == pytest.approx(0.8)
    assert token_f1("red red", "red") == pytest.approx(2 / 3)
    assert token_f1("the", "a") == 1.0
    assert token_f1("the", "ball") == 0.0


@given(st.text("ab c", max_size=8), st.text("ab c", max_size=8))
def test_token_f1_is_symmetric_and_bounded(left, right):
    assert 0 <= token_f1(left, right) == token_f1(right, left) <= 1
