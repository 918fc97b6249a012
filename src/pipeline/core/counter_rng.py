"""A counter-based random number generator whose streams have names.

A stream is a 64-bit number derived from names (a seed, an image, a question type …). Its i-th uniform number is
SplitMix64 (Steele, Lea, Flood 2014) at position i, so whole batches of streams are drawn in one vectorised expression,
and any number can be computed without those before it. Each text has a stream of its own; hence it does not depend on
the batch in which it is computed.

All streams of the questioner are named here:

    purpose                               names
    sampling a region caption             seed, "caption", image key, box
    sampling a question                   seed, "question", image key, box, question type, ordinal among its type
    masking words of a training sequence  its pass (a text), update, place in the batch, number, seed

The first name of the third kind is a text, that of the others a number, so none of them coincide.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Literal

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def caption_stream(seed: int, key: str, box: int) -> int:
    """The stream from which the caption of an image's box (its number) is sampled."""
    return stream(seed, "caption", key, box)


def question_stream(seed: int, key: str, box: int, question_type: str, ordinal: int) -> int:
    """The stream from which a box's question is sampled; `ordinal` is its number among those of its type."""
    return stream(seed, "question", key, box, question_type, ordinal)


Pass = Literal["caption", "question", "answer", "masked_words", "region_caption"]
"""The passes of all trainings."""


def masking_stream(text: Pass, step: int, position: int, number: int, seed: int) -> int:
    """The stream that decides which words of a training sequence are masked, and how.

    `position` is the image's in the batch of update `step`, `number` the text's among those of the image.
    """
    return stream(text, step, position, number, seed)


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
