"""A counter-based random number generator whose streams have names.

A stream is a 64-bit number derived from names (a seed, an image, a question type …). Its i-th uniform number is
SplitMix64 (Steele, Lea, Flood 2014) at position i, so whole batches of streams are drawn in one vectorised expression,
and any number can be computed without those before it. Each text has a stream of its own; hence it does not depend on
the batch in which it is computed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def stream(*names: str | int) -> int:
    """The stream of some names: an unsigned 64-bit number."""
    digest = hashlib.blake2b(json.dumps(names).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def uniforms(streams: Sequence[int] | np.ndarray, first: int, count: int) -> np.ndarray:
    """Numbers `first` … `first + count - 1` of each stream, float64 in [0, 1), [len(streams), count]."""
    start = np.asarray(streams, dtype=np.uint64)[:, None]
    position = np.arange(first + 1, first + count + 1, dtype=np.uint64)[None]
    state = start + position * GOLDEN
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)) * 2.0**-53
