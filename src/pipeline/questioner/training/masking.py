"""Which words of a target are masked in training, and how.

The loss is taken on the masked words (partially masked causal language model): of the candidates each is chosen with a
probability, at least one per row. Masked *in place*, of the chosen 80 % become [MASK], 10 % a random word, 10 % stay,
so that later words read a target with gaps. Masked *in a copy* (VALOR's full masker), the target stays as it is, and
for each chosen word a [MASK] of its position is appended, which reads the words before and itself, as in decoding, and
is read by nothing else.
"""

import numpy as np

MASKED_SHARE = 0.8
RANDOM_SHARE = 0.1
DRAWS_PER_TOKEN = 3


def choose_words(candidates: np.ndarray, probability: float | np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Which of the `candidates` (bool [R,T]) are hidden, bool [R,T].

    `draws` [R,T] are uniform numbers in [0, 1). A row with candidates in which chance chose nothing gets the one with
    the smallest draw.
    """
    chosen = candidates & (draws < probability)
    first = np.where(candidates, draws, np.inf).argmin(axis=1)
    missed = candidates.any(axis=1) & ~chosen.any(axis=1)
    chosen[np.flatnonzero(missed), first[missed]] = True
    return chosen


def hide_in_place(
    ids: np.ndarray, chosen: np.ndarray, draws: np.ndarray, mask_id: int, words: np.ndarray
) -> np.ndarray:
    """`ids` [R,T] with the `chosen` ones hidden.

    `draws` [R,T,2] are uniform numbers in [0, 1) (kind of hiding, random word), `words` the ids that random words come
    from.
    """
    kind, word = draws[..., 0], draws[..., 1]
    random_words = words[(word * len(words)).astype(np.int64)]
    hidden = np.where(kind < MASKED_SHARE, mask_id, np.where(kind < MASKED_SHARE + RANDOM_SHARE, random_words, ids))
    return np.where(chosen, hidden, ids)


def copies_of(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The [MASK]s that are appended for the C `chosen` words (bool [R,T]).

    Returns their positions [R,M], with zeros for padding, and each one's column there, [C] in the order of
    `chosen.nonzero()`.
    """
    row, place = np.nonzero(chosen)
    column = np.arange(len(row)) - np.searchsorted(row, row)
    copies = np.zeros((len(chosen), int(column.max(initial=-1)) + 1), dtype=np.int64)
    copies[row, column] = place
    return copies, column
