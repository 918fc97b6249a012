"""Questions with their answers masked, drawn for the images of a batch.

A text is `question [MASK] … [MASK]`, with as many masks as the answer has word pieces. That number is all that the text
gives away about the answer; the words themselves must be read off the image.

Masked words are classified among those that occur in the answers, in the order of their ids in the tokenizer's
vocabulary: a list fixed by the data, hundreds or thousands of words where the vocabulary has 30,522.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.alignment.data.text_table import ImageTexts
from pipeline.encoders.text.encoder import TextEncoder
from pipeline.encoders.text.masked_text import masked, pieces, tokenize_masked
from pipeline.tables.questions import lowered

IGNORED = -100
MaskedText = tuple[str, list[int]]
"""A text that ends in masks, and the ids of the word pieces that they hide."""


@dataclass(frozen=True)
class MaskedQuestions:
    """tokenizer: the text encoder; words: ids to choose among, ascending [words]."""

    tokenizer: TextEncoder
    words: np.ndarray

    def draw(self, texts: ImageTexts, number: int, rng: np.random.Generator) -> list[MaskedText]:
        """At most `number` pairs of an image, no pair twice, whose answers can be masked."""
        pairs = list(dict.fromkeys((lowered(question), lowered(answer)) for question, answer in texts.asked))
        answers = pieces(self.tokenizer, [answer for _, answer in pairs]) if pairs else []
        fitting = [row for row, ids in enumerate(answers) if can_be_masked(ids, self.tokenizer)]
        chosen = [fitting[index] for index in rng.permutation(len(fitting))[:number]]
        return [(masked(pairs[row][0], len(answers[row])), answers[row]) for row in chosen]

    def batch(self, drawn: Sequence[Sequence[MaskedText]]) -> dict[str, Tensor]:
        """Tensors of the pairs of B images, P in all.

        ids [P, L], mask [P, L] bool; owner [P], the image of each pair; word [P, L], the index in `words` of the hidden
        word at each mask, IGNORED elsewhere.
        """
        flat = [(owner, *pair) for owner, pairs in enumerate(drawn) for pair in pairs]
        owners = torch.tensor([owner for owner, _, _ in flat], dtype=torch.long)
        if not flat:
            none = torch.zeros(0, 0, dtype=torch.long)
            return {"ids": none, "mask": none.bool(), "owner": owners, "word": none}
        ids, mask = tokenize_masked(self.tokenizer, [text for _, text, _ in flat])
        word = torch.full(ids.shape, IGNORED)
        for row, (_, _, hidden) in enumerate(flat):
            # The masks are followed by one token, which closes the text.
            end = int(mask[row].sum()) - 1
            word[row, end - len(hidden) : end] = torch.from_numpy(np.searchsorted(self.words, hidden))
        return {"ids": ids, "mask": mask.bool(), "owner": owners, "word": word}


def can_be_masked(ids: Sequence[int], tokenizer: TextEncoder) -> bool:
    """Whether an answer has a word, and no more than half of the longest text."""
    return 0 < len(ids) <= tokenizer.max_length // 2
