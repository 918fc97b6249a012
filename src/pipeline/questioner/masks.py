"""Who may look at whom, and which words are hidden in training.

Attention inside a sequence [target ; prompt] has four parts (JADE and VALOR, `model/bert.py`):

                 to target      to prompt
    from target  causal         all
    from prompt  nothing        all

Padding is never looked at. Positions start again at 0 in the prompt, whose token type is 1.

Training hides target words (partially masked causal language model): of the candidates each is chosen with a
probability, at least one per row, and the loss is taken on the chosen ones. Hidden *in place*, of the chosen 80 %
become [MASK], 10 % a random word, 10 % stay, so that later words read a target with gaps. Hidden *in a copy* (VALOR's
full masker), the target stays as it is, and for each chosen word a [MASK] of its position is appended, which reads the
words before and itself, as in decoding, and is read by nothing else.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

MASKED_SHARE = 0.8
RANDOM_SHARE = 0.1
DRAWS_PER_TOKEN = 3


def four_part_mask(target: Tensor, prompt: Tensor, copies: Tensor) -> Tensor:
    """Attention mask of [target ; copies ; prompt].

    `target` [R,T] and `prompt` [R,P] are boolean, False for padding; `copies` [R,M] are the positions of [MASK]s that
    are appended to the target. Returns a boolean [R,1,T+M+P,T+M+P], True where a row (query) may look at a column
    (key). Everything may look at itself, so that no row is empty.
    """
    length, extent = target.shape[1] + copies.shape[1], prompt.shape[1]
    place = with_copies(target, copies)
    read = functional.pad(target, (0, copies.shape[1]))
    own = torch.eye(length, dtype=torch.bool, device=target.device)
    to_target = (place[:, None, :] < place[:, :, None]) & read[:, None, :] | own
    to_prompt = prompt[:, None, :].expand(-1, length + extent, -1)
    return torch.cat([functional.pad(to_target, (0, 0, 0, extent)), to_prompt], dim=2)[:, None]


def with_copies(target: Tensor, copies: Tensor) -> Tensor:
    """Positions of [target ; copies], [R,T+M]; `target` [R,T] gives the length."""
    return torch.cat([torch.arange(target.shape[1], device=target.device).expand_as(target), copies], dim=1)


def positions(target: Tensor, prompt: Tensor, copies: Tensor) -> tuple[Tensor, Tensor]:
    """Position ids [R,T+M+P] and token types [T+M+P] of [target ; copies ; prompt]; see `four_part_mask`."""
    answering = with_copies(target, copies)
    asking = torch.arange(prompt.shape[1], device=target.device).expand_as(prompt)
    types = torch.zeros(answering.shape[1] + asking.shape[1], dtype=torch.long, device=target.device)
    types[answering.shape[1] :] = 1
    return torch.cat([answering, asking], dim=1), types


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
