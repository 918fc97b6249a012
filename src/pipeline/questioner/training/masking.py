"""Which words of a target are masked in training, and how.

The loss is taken on the masked words (partially masked causal language modelling). Each candidate is chosen with a
probability, and at least one per row. There are two maskers:

- the *partial masker* (JADE's UniMLM) replaces words in the target: of the chosen ones 80 % become [MASK], 10 % a
  random word, and 10 % stay, so that later words read a target with gaps;
- the *full masker* (VALOR) leaves the target as it is, and appends a [MASK] for each chosen word at its position. That
  [MASK] attends to the words before it and to itself, as in decoding, and no other token attends to it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from pipeline.core.counter_rng import stream

Pass = Literal["caption", "question", "answer", "masked_words", "region_caption"]
"""The passes of all trainings."""

MASK_SHARE = 0.8
RANDOM_SHARE = 0.1
DRAWS_PER_TOKEN = 3


def choose_masked(candidates: np.ndarray, probability: float | np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Which of the `candidates` (bool [R,T]) are masked, bool [R,T].

    `draws` [R,T] are uniform numbers in [0, 1). A row with candidates of which chance chose none gets the one with the
    smallest draw.
    """
    chosen = candidates & (draws < probability)
    smallest = np.where(candidates, draws, np.inf).argmin(axis=1)
    without = np.flatnonzero(candidates.any(axis=1) & ~chosen.any(axis=1))
    chosen[without, smallest[without]] = True
    return chosen


def partial_mask(ids: np.ndarray, chosen: np.ndarray, draws: np.ndarray, mask_id: int, words: np.ndarray) -> np.ndarray:
    """`ids` [R,T] with the `chosen` ones (bool [R,T]) replaced.

    `draws` [R,T,2] are uniform numbers in [0, 1), which choose the replacement and the random word; `words` are the ids
    that random words come from.
    """
    replacement, word = draws[..., 0], draws[..., 1]
    random_words = words[(word * len(words)).astype(np.int64)]
    unmasked = np.where(replacement < MASK_SHARE + RANDOM_SHARE, random_words, ids)
    return np.where(chosen, np.where(replacement < MASK_SHARE, mask_id, unmasked), ids)


def full_mask(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The [MASK]s that are appended for the C `chosen` words (bool [R,T]).

    Returns their positions [R,M], padded with zeros, and the column of each chosen word's [MASK] there, [C] in the
    order of `chosen.nonzero()`.
    """
    row, position = np.nonzero(chosen)
    column = np.arange(len(row)) - np.searchsorted(row, row)
    appended = np.zeros((len(chosen), int(column.max(initial=-1)) + 1), dtype=np.int64)
    appended[row, column] = position
    return appended, column


def masking_stream(text: Pass, step: int, position: int, number: int, seed: int) -> int:
    """The stream of random numbers that decides which words of a training sequence are masked, and how.

    `position` is the image's in the batch of update `step`, `number` the text's among those of the image. Streams of
    decoding begin with a seed, those of masking with a text, so that none of them coincide.
    """
    return stream(text, step, position, number, seed)
