"""Successive batches of an iterator."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    pass


T = TypeVar("T")


def batches(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Successive lists of `size` items, the last one shorter."""
    while batch := list(islice(items, size)):
        yield batch
