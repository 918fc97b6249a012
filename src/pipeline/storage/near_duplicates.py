"""Which of many images are the first of their kind, by their perceptual hashes.

The images are in an order. The first is kept, and each other one unless its hash is within a distance of that of one
that was kept before. (So of a row of images that each resemble the next, but not the one after, every other is kept.)

1. Of equal hashes only the first can be kept.
2. Pairs within the distance are found without comparing all: of d + 3 blocks of bits at least three agree wholly, so
   hashes are sorted by every choice of three blocks, and compared with those of the same bits there. Source: Manku,
   Jain and Das Sarma 2007, "Detecting near-duplicates for web crawling".
3. An image that resembles no earlier one is kept, and what resembles it is not. Of the rest the same holds again, until
   nothing is left; memory grows with the images, not with the pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from pipeline.storage.perceptual_hash import bands

AGREEING = 3
"""Blocks that agree: 64 bits in 9 blocks, for a distance of 6, give keys of 21 bits, so millions seldom share one."""


def first_of_kind(hashes: np.ndarray, distance: int) -> np.ndarray:
    """Whether each hash is kept, bool [N]. hashes: uint64 [N], in the order that decides; distance: in bits."""
    kept = np.zeros(len(hashes), bool)
    waiting = np.sort(np.unique(hashes, return_index=True)[1])
    while len(waiting):
        own = hashes[waiting]
        resembles_earlier, resembled = np.zeros((2, len(waiting)), bool)
        for earlier, later in close_pairs(own, distance):
            resembles_earlier[later] = resembled[earlier] = True
        kept[waiting[~resembles_earlier]] = True
        unsettled = resembles_earlier.copy()
        involved = np.flatnonzero(resembles_earlier | resembled)
        for earlier, later in close_pairs(own[involved], distance):
            after_kept = ~resembles_earlier[involved[earlier]]
            unsettled[involved[later[after_kept]]] = False
        waiting = waiting[unsettled]
    return kept


def close_pairs(hashes: np.ndarray, distance: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of rows within a distance: arrays of the earlier and of the later rows. A pair may come several times."""
    for blocks in combinations(bands(distance + AGREEING), AGREEING):
        keys = hashes & np.bitwise_or.reduce(np.array(blocks))
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        places = np.arange(len(keys))
        for step in range(1, len(keys)):
            places = places[: np.searchsorted(places, len(keys) - step)]
            places = places[keys[places] == keys[places + step]]
            if not len(places):
                break
            earlier, later = order[places], order[places + step]
            close = np.bitwise_count(hashes[earlier] ^ hashes[later]) <= distance
            yield earlier[close], later[close]
