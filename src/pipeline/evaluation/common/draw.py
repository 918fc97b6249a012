"""Examples drawn at random from a seed, not picked: a gallery of the best cases would say nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from enum import IntEnum, unique

import numpy as np


@unique
class Stream(IntEnum):
    """The random stream of each draw. Draws from one seed are independent because no two have the same number."""

    TEXT_TO_IMAGE = 0
    IMAGE_TO_TEXT = 1
    JUDGED_IMAGES = 3
    QA_EXAMPLES = 4
    CAPTION_EXAMPLES = 5


def draw(total: int, count: int, seed: int, stream: Stream) -> list[int]:
    """`count` of the indices below `total` at random, in rising order; all of them if there are fewer."""
    rng = np.random.default_rng([seed, int(stream)])
    return sorted(int(index) for index in rng.permutation(total)[:count])


def draw_each(names: Sequence[Hashable], count: int, seed: int, stream: Stream) -> list[int]:
    """`count` indices at random for every name, in rising order within the names as they first appear."""
    indices: dict[Hashable, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        indices[name].append(index)
    return [group[n] for group in indices.values() for n in draw(len(group), count, seed, stream)]
