"""Reading a text without an image, in both directions: what the contrastive head embeds."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.questioner.model.questioner import Questioner


def text_states(questioner: Questioner, ids: Tensor, mask: Tensor, prompt: Sequence[int]) -> Tensor:
    """Final states [B,T,D] of texts `ids` [B,T] with their token mask [B,T], under a prompt."""
    asked = torch.tensor(prompt, device=ids.device).expand(len(ids), -1)
    vectors = questioner.word_vectors(torch.cat([ids, asked], dim=1))
    return questioner(vectors, mask, torch.ones_like(asked).bool(), None, causal=False)[0]
