"""A part of a data set's photographs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pipeline.fetch.packing.hash_share import HashShare, in_share


@given(st.text(), st.floats(0, 1))
def test_two_parts_that_meet_share_no_name_and_lose_none(name: str, bound: float) -> None:
    parts = [part for part in ((0.0, bound), (bound, 1.0)) if part[0] < part[1]]
    assert sum(in_share(name, part) for part in parts) == 1


def test_a_part_holds_its_share_of_many_names() -> None:
    held = sum(in_share(f"flickr:{number}", (0.25, 0.75)) for number in range(4000))
    assert abs(held / 4000 - 0.5) < 0.03


@pytest.mark.parametrize("bounds", [[0.5, 0.5], [0.7, 0.2], [-0.1, 0.5], [0.5, 1.1], [0.5], [0.1, 0.2, 0.3]])
def test_bounds_are_shares_in_order(bounds: list[float]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(HashShare).validate_python(bounds)
