"""The attention mask and the positions of [target ; prompt].

The text model reads target and prompt as one sequence. A token may attend to (`model/bert.py` in the published code of
JADE and VALOR):

                 target tokens      prompt tokens
    from target  itself and before  all
    from prompt  none               all

No token attends to padding. Positions start again at 0 in the prompt, whose token type is 1.

Pre-training also reads text in both directions: masked words are then predicted from the words on both sides, and texts
are embedded as a whole (VALOR). Without `causal` every token attends to all tokens of target and prompt.

In training, [MASK]s may be appended to the target (VALOR's full masker, see `training/masking.py`). An appended [MASK]
has the position of the word that it stands for. It attends to the words before that position, to itself and to the
prompt; no other token attends to it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def attention_mask(target: Tensor, prompt: Tensor, appended: Tensor, causal: bool) -> Tensor:
    """Attention mask of [target ; appended ; prompt], boolean [R,1,T+M+P,T+M+P]: causal, or else in both directions.

    Raises ValueError if [MASK]s are appended to what is read in both directions: they would stand beside their words.
    """
    if causal:
        return four_part_mask(target, prompt, appended)
    if appended.shape[1]:
        raise ValueError("a [MASK] cannot be appended to a target that is read in both directions")
    tokens = torch.cat([target, prompt], dim=1)
    itself = torch.eye(tokens.shape[1], dtype=torch.bool, device=tokens.device)
    return (tokens[:, None, :] | itself)[:, None]


def four_part_mask(target: Tensor, prompt: Tensor, appended: Tensor) -> Tensor:
    """Causal attention mask of [target ; appended ; prompt].

    `target` [R,T] and `prompt` [R,P] are boolean, False for padding; `appended` [R,M] are the positions of the [MASK]s
    that are appended to the target. Returns a boolean [R,1,T+M+P,T+M+P], True where a row (query) attends to a column
    (key). Every token attends to itself, so that no row is empty.
    """
    length, extent = target.shape[1] + appended.shape[1], prompt.shape[1]
    position = target_positions(target, appended)
    is_word = functional.pad(target, (0, appended.shape[1]))
    itself = torch.eye(length, dtype=torch.bool, device=target.device)
    to_target = (position[:, None, :] < position[:, :, None]) & is_word[:, None, :] | itself
    to_prompt = prompt[:, None, :].expand(-1, length + extent, -1)
    return torch.cat([functional.pad(to_target, (0, 0, 0, extent)), to_prompt], dim=2)[:, None]


def target_positions(target: Tensor, appended: Tensor) -> Tensor:
    """Positions of [target ; appended], [R,T+M]; `target` [R,T] gives the length."""
    return torch.cat([torch.arange(target.shape[1], device=target.device).expand_as(target), appended], dim=1)


def positions(target: Tensor, prompt: Tensor, appended: Tensor) -> tuple[Tensor, Tensor]:
    """Position ids [R,T+M+P] and token types [T+M+P] of [target ; appended ; prompt]; see `four_part_mask`."""
    in_target = target_positions(target, appended)
    in_prompt = torch.arange(prompt.shape[1], device=target.device).expand_as(prompt)
    types = torch.zeros(in_target.shape[1] + in_prompt.shape[1], dtype=torch.long, device=target.device)
    types[in_target.shape[1] :] = 1
    return torch.cat([in_target, in_prompt], dim=1), types
