"""Who may look at whom, and which words are hidden in training.

Attention inside a sequence [target ; prompt] has four parts (JADE and VALOR, `model/bert.py`):

                 to target      to prompt
    from target  causal         all
    from prompt  nothing        all

Padding is never looked at. Positions start again at 0 in the prompt, whose token type is 1.

Training hides target words (partially masked causal language model): of the candidates each is chosen with a
probability, at least one per row; of the chosen, 80 % become [MASK], 10 % a random word, 10 % stay; the loss
is taken on the chosen ones.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

MASKED_SHARE = 0.8
RANDOM_SHARE = 0.1
DRAWS_PER_TOKEN = 3


def four_part_mask(target: Tensor, prompt: Tensor) -> Tensor:
    """Attention mask of [target ; prompt] from their token masks.

    `target` [R,T] and `prompt` [R,P] are boolean, True for tokens and False for padding. Returns a boolean
    [R,1,T+P,T+P], True where a row (query) may look at a column (key).
    """
    length, extent = target.shape[1], prompt.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=target.device).tril()
    blocked = torch.zeros(extent, length, dtype=torch.bool, device=target.device)
    to_target = torch.cat([causal, blocked])[None] & target[:, None, :]
    to_prompt = prompt[:, None, :].expand(-1, length + extent, -1)
    return torch.cat([to_target, to_prompt], dim=2)[:, None]


def positions(target_length: int, prompt_length: int) -> tuple[Tensor, Tensor]:
    """Position ids and token types of [target ; prompt], each [T+P]."""
    both = torch.cat([torch.arange(target_length), torch.arange(prompt_length)])
    types = torch.cat([torch.zeros(target_length), torch.ones(prompt_length)]).long()
    return both, types


@dataclass(frozen=True)
class Hidden:
    """Targets with some words hidden.

    `inputs` [R,T] are the ids the model reads, `chosen` [R,T] says where the loss is taken.
    """

    inputs: np.ndarray
    chosen: np.ndarray


def hide_words(
    ids: np.ndarray,
    candidates: np.ndarray,
    probability: float | np.ndarray,
    draws: np.ndarray,
    mask_id: int,
    words: np.ndarray,
) -> Hidden:
    """Choose among `candidates` and hide them.

    `ids` int64 [R,T]; `candidates` bool [R,T], with at least one per row that is to count; `draws` uniform
    numbers in [0, 1) [R,T,3] (choice, kind of hiding, random word); `words` are the ids that random words
    come from. A row in which chance chose nothing gets the candidate with the smallest first draw.
    """
    choice, kind, word = draws[..., 0], draws[..., 1], draws[..., 2]
    chosen = candidates & (choice < probability)
    first = np.where(candidates, choice, np.inf).argmin(axis=1)
    missed = candidates.any(axis=1) & ~chosen.any(axis=1)
    chosen[np.flatnonzero(missed), first[missed]] = True
    random_words = words[(word * len(words)).astype(np.int64)]
    hidden = np.where(kind < MASKED_SHARE, mask_id, np.where(kind < MASKED_SHARE + RANDOM_SHARE, random_words, ids))
    return Hidden(inputs=np.where(chosen, hidden, ids), chosen=chosen)
