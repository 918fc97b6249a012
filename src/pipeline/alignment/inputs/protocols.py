"""Images and texts come as cached tokens or as raw input, behind one protocol each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from torch import Tensor


class Images(Protocol):
    """Images by number."""

    def __len__(self) -> int: ...

    def views(self, number: int) -> int:
        """How many views of an image there are; the second is the mirror image."""
        ...

    def get(
        self, numbers: Sequence[int], views: Sequence[int], draws: Sequence[np.random.Generator] | None = None
    ) -> Tensor:
        """Inputs [N, …] of images, each in the view asked for; what is random about one is drawn from `draws`."""
        ...


class Texts(Protocol):
    """Texts by number. lengths: [texts], in tokens."""

    lengths: np.ndarray

    def get(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Inputs [N, L, …] of texts, padded to the longest, and mask [N, L] bool."""
        ...
