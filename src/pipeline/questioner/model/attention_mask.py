"""The attention mask and the positions of [target ; prompt].

Attention inside a sequence has four parts (JADE and VALOR, `model/bert.py`):

                 to target      to prompt
    from target  causal         all
    from prompt  nothing        all

Padding is never looked at. Positions start again at 0 in the prompt, whose token type is 1. [MASK]s that are appended
to the target (see `training/masking.py`) read the words before their position, and nothing reads them.
"""

import torch
from torch import Tensor
from torch.nn import functional


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
