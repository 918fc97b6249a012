"""A part of a data set's photographs, by a hash of their names.

A hash gives each name a number from 0 to 1, spread evenly; the part holds the names whose number lies between two
bounds. So sources that show the same photographs take the same part of them, whatever their files list beside, and
parts whose bounds do not overlap share no photograph. A photograph that is added moves no other one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from pipeline.core.files import hash_bytes
from pipeline.core.parameters.bounds import Share


def ordered(bounds: list[float]) -> list[float]:
    """The bounds themselves. Raises ValueError unless the first is less than the second."""
    if bounds[0] >= bounds[1]:
        raise ValueError("the first bound must be less than the second")
    return bounds


HashShare = Annotated[
    list[Share],
    Field(
        min_length=2,
        max_length=2,
        description="Part of the images to take, by a hash of their name; [0, 1]: all.",
    ),
    AfterValidator(ordered),
]


def in_share(name: str, share: Sequence[float]) -> bool:
    """Whether a name lies in the part from the first bound (included) to the second (not included, but for 1)."""
    number = int(hash_bytes(name.encode()), 16) / 16**32
    return share[0] <= number < share[1] or number >= share[1] == 1
