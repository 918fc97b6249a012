"""Perceptual hashes: pictures that look alike have hashes that differ in few of 64 bits.

pHash: the picture in grey, shrunk to 32 x 32 pixels; its discrete cosine transform (DCT-II); of the 8 x 8 lowest
frequencies one bit each, whether it is above their median. Size, compression, small crops and colour change few bits.

Source: Zauner 2010, chapter 3; bit for bit as the library ImageHash computes it.

`near` finds hashes within a distance without comparing all pairs: two of 64 bits that differ in at most d places agree
wholly in one of d + 1 bands of bits, so only hashes that share a band are compared (pigeonhole principle).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import numpy as np
from PIL import Image

SIDE, KEPT = 32, 8
BITS = 64
AT_ONCE = 100_000


@cache
def cosines() -> np.ndarray:
    """The matrix of the DCT-II of SIDE values, [SIDE, SIDE], unscaled."""
    frequency, place = np.mgrid[:SIDE, :SIDE]
    return 2 * np.cos(np.pi * frequency * (2 * place + 1) / (2 * SIDE))


def perceptual_hash(image: Image.Image) -> int:
    """The hash of a picture, below 2⁶⁴; the first bit is that of the lowest frequency."""
    grey = np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS), np.float64)
    low = (cosines() @ grey @ cosines().T)[:KEPT, :KEPT]
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def near(hashes: np.ndarray, others: np.ndarray, distance: int) -> np.ndarray:
    """For each hash the index of one of `others` that differs in at most `distance` bits, or -1.

    hashes: [N], others: [M], both uint64. Of several it is the first one found.
    """
    found = np.full(len(hashes), -1)
    for first in range(0, len(hashes), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        for mask in bands(distance + 1):
            compare(hashes[part], others, mask, distance, found[part])
    return found


def bands(count: int) -> Iterator[np.uint64]:
    """Masks of so many bands of bits, which together are all bits."""
    edges = np.linspace(0, BITS, count + 1).astype(int).tolist()
    for low, high in pairwise(edges):
        yield np.uint64(((1 << high) - 1) ^ ((1 << low) - 1))


def compare(hashes: np.ndarray, others: np.ndarray, mask: np.uint64, distance: int, found: np.ndarray) -> None:
    """Compare the hashes that nothing was found for with those of `others` that have the same bits in a band."""
    order = np.argsort(others & mask, kind="stable")
    band = (others & mask)[order]
    start, end = (np.searchsorted(band, hashes & mask, side) for side in ("left", "right"))
    for step in range(int((end - start).max(initial=0))):
        rows = np.flatnonzero((found < 0) & (start + step < end))
        candidates = order[start[rows] + step]
        close = np.bitwise_count(hashes[rows] ^ others[candidates]) <= distance
        found[rows[close]] = candidates[close]
