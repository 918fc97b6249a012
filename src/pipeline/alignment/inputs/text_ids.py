"""Texts as token ids, in chunks of similar length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.encoders.text.encoder import TextEncoder

CHUNKS = 3
"""So many that little is padded, so few that each is worth a pass of the encoder."""

TextChunk = tuple[Tensor, Tensor]
"""Ids [N, L] int64 of some texts, and mask [N, L] bool."""


def text_chunks(tokenizer: TextEncoder, texts: Sequence[str]) -> tuple[np.ndarray, list[TextChunk]]:
    """The texts as ids, shortest first: their order [texts], and chunks of consecutive ones.

    Short texts are not padded to the longest, but to the longest of their chunk.
    """
    if not texts:
        return np.zeros(0, np.int64), []
    ids, mask = tokenizer.tokenize(texts)
    lengths = mask.sum(dim=1).numpy()
    order = np.argsort(lengths, kind="stable")
    chunks = []
    for part in np.array_split(order, CHUNKS):
        if len(part):
            longest = int(lengths[part[-1]])
            rows = torch.from_numpy(part)
            chunks.append((ids[rows, :longest], mask[rows, :longest].bool()))
    return order, chunks
