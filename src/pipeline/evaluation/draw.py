"""Examples drawn at random from a seed, not picked: a gallery of the best cases would say nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np


def draw(total: int, count: int, seed: int, stream: int) -> list[int]:
    """`count` places out of `total` at random, in rising order; all of them if there are fewer."""
    rng = np.random.default_rng([seed, stream])
    return sorted(int(place) for place in rng.permutation(total)[:count])


def draw_each(names: Sequence[Hashable], count: int, seed: int, stream: int) -> list[int]:
    """`count` places at random for every name, in rising order within the names as they first appear."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        places[name].append(place)
    return [group[n] for group in places.values() for n in draw(len(group), count, seed, stream)]
