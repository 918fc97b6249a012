"""Images come as cached tokens or as pixels, behind one protocol.

A *crop* is one version of an image. Crop 0 is the whole image; crop 1 is its mirror image where mirror images are used;
behind them come random crops, if any are cached.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from torch import Tensor


class Images(Protocol):
    """Images by number."""

    def __len__(self) -> int: ...

    def crops(self, number: int) -> int:
        """How many crops of an image there are."""
        ...

    def get(
        self, numbers: Sequence[int], crops: Sequence[int], rngs: Sequence[np.random.Generator] | None = None
    ) -> Tensor:
        """Inputs [N, …] of images, each in the crop asked for; a fresh random crop is drawn from the image's `rngs`."""
        ...
