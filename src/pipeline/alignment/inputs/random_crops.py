"""Random crops: a window of some share of a picture's area, anywhere in it, squashed to the input's square.

Source: Szegedy et al. 2015; limits of the aspect, 3:4 to 4:3, and the way out when no window fits: torchvision's
RandomResizedCrop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.encoders.image.preprocessing import DRAFT_FACTOR, Preprocessing
from pipeline.storage.images import decode_image

ASPECTS = (3 / 4, 4 / 3)
TRIES = 10

Window = tuple[int, int, int, int]
"""Left, upper, right and lower edge in pixels."""


def random_crops(
    data: bytes,
    where: str,
    preprocessing: Preprocessing,
    scale: Sequence[float],
    rngs: Sequence[np.random.Generator],
) -> list[np.ndarray]:
    """Crops of an encoded picture, 8-bit pixels [S,S,3] each, one from each generator.

    Raises UserError, naming `where`, if it cannot be decoded.
    """
    # The smallest window should have as many pixels as a whole image has.
    least_side = math.ceil(DRAFT_FACTOR * preprocessing.size / math.sqrt(scale[0]))
    image, squash = decode_image(data, where, least_side), replace(preprocessing, resize="squash")
    return [squash.pixels(image.crop(random_window(*image.size, scale, rng))) for rng in rngs]


def random_window(width: int, height: int, scale: Sequence[float], rng: np.random.Generator) -> Window:
    """A window of a share of the area between the two of `scale`, inside a picture of this size.

    If none fits in ten tries (the picture is too long for its aspect), the largest central one of an allowed aspect.
    """
    for _ in range(TRIES):
        area = width * height * rng.uniform(scale[0], scale[1])
        aspect = math.exp(rng.uniform(math.log(ASPECTS[0]), math.log(ASPECTS[1])))
        across, down = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < across <= width and 0 < down <= height:
            left, upper = int(rng.integers(width - across + 1)), int(rng.integers(height - down + 1))
            return left, upper, left + across, upper + down
    across = min(width, max(1, round(height * ASPECTS[1])))
    down = min(height, max(1, round(width / ASPECTS[0])))
    left, upper = (width - across) // 2, (height - down) // 2
    return left, upper, left + across, upper + down
