"""A bank of stored teacher embeddings: negatives from far outside the batch, at no cost.

The teacher is frozen and its embeddings are stored, so an entry never grows stale. The bank holds at most
65,536 entries and at most one per training image. It is filled at the start with a seeded draw from the
stored table (not with random vectors), then works as a first-in-first-out ring: each step writes the batch's
teacher embeddings over the oldest entries. Every entry carries the group of its image, so that a batch can mask
entries that show one of its own images.

Source: He et al. 2020 (MoCo) for the queue; the teacher-only bank is the shared-encoder paper's.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

MAX_ENTRIES = 65_536


class MemoryBank(nn.Module):
    """Ring buffer of `embeddings` [size, D] (L2-normalised) and `groups` [size]; all of it is checkpointed."""

    embeddings: Tensor
    groups: Tensor
    position: Tensor

    def __init__(self, embeddings: Tensor, groups: Tensor, size: int, seed: int) -> None:
        """Fill from the stored table: embeddings [rows, D], groups [rows]; size is cut to MAX_ENTRIES and rows."""
        super().__init__()
        size = min(size, MAX_ENTRIES, len(embeddings))
        chosen = torch.from_numpy(np.sort(np.random.default_rng([seed, 7]).permutation(len(embeddings))[:size]))
        self.register_buffer("embeddings", embeddings[chosen].clone())
        self.register_buffer("groups", groups[chosen].clone())
        self.register_buffer("position", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def push(self, embeddings: Tensor, groups: Tensor) -> None:
        """Write the batch (embeddings [B, D], groups [B]) over the oldest entries; the last ones win if B > size."""
        size = len(self.groups)
        if size == 0:
            return
        embeddings, groups = embeddings[-size:], groups[-size:]
        slots = (self.position + torch.arange(len(groups), device=groups.device)) % size
        self.embeddings[slots] = embeddings.to(self.embeddings.dtype)
        self.groups[slots] = groups
        self.position.copy_((self.position + len(groups)) % size)
