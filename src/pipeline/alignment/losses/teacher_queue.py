"""A queue of stored teacher embeddings: negatives from far outside the batch, at no cost.

The teacher is frozen and its embeddings are stored, so an entry never grows stale. The queue holds at most 65,536
entries and at most one per training image. It is filled at the start with a seeded draw from the stored table (not with
random vectors), then works first in, first out: each step writes the batch's teacher embeddings over the oldest
entries. Every entry carries the group of its image, so that a batch can mask entries that show one of its own images.

Source: MoCo's queue (He et al. 2020, https://arxiv.org/abs/1911.05722), there of a slowly moving encoder; with a frozen
teacher it is the memory bank of the shared-encoder paper.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

MAX_ENTRIES = 65_536
STREAM = 7
"""Random stream of the draw that fills the queue."""


def first_entries(rows: int, size: int, seed: int) -> list[int]:
    """The rows of the stored table that fill a queue at the start, ascending; size is cut to MAX_ENTRIES and rows."""
    size = min(size, MAX_ENTRIES, rows)
    return np.sort(np.random.default_rng([seed, STREAM]).permutation(rows)[:size]).tolist()


class TeacherQueue(nn.Module):
    """Ring buffer of `embeddings` [size, D] (L2-normalised) and `groups` [size]; all of it is checkpointed.

    >>> queue = TeacherQueue(torch.eye(3)[:2], torch.arange(2))
    >>> queue.push(torch.tensor([[0.6, 0.8, 0.0]]), torch.tensor([9]))
    >>> len(queue.groups), int(queue.groups[0])
    (2, 9)
    """

    embeddings: Tensor
    groups: Tensor
    position: Tensor

    def __init__(self, embeddings: Tensor, groups: Tensor) -> None:
        """Fill with entries: embeddings [size, D], groups [size]."""
        super().__init__()
        self.register_buffer("embeddings", embeddings.clone())
        self.register_buffer("groups", groups.clone())
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
