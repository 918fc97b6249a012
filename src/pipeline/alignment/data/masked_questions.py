"""Questions with their answers masked, in numbers, and batches of them.

A text is `question [MASK] … [MASK]`, with as many masks as the answer has word pieces. That number is all that the text
gives away about the answer; the words themselves must be read off the image. So pairs that ask the same and have
answers of equal length share one text, whose tokens are cached once.

Masked words are classified among those that occur in the answers, in the order of their ids in the tokenizer's
vocabulary: a list fixed by the data, hundreds or thousands of words where the vocabulary has 30,522.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.alignment.inputs.token_cache import TextTokens

IGNORED = -100
Pair = tuple[int, list[int]]
"""Number of a masked text, and its hidden words by their index in the list of words."""


@dataclass
class MaskedQuestions:
    """texts: cached tokens of the masked texts; pairs: of each image; words: ids to choose among, ascending."""

    texts: TextTokens
    pairs: list[list[Pair]]
    words: list[int]

    def draw(self, image: int, number: int, rng: np.random.Generator) -> list[Pair]:
        """At most `number` pairs of an image, no pair twice."""
        return [self.pairs[image][index] for index in rng.permutation(len(self.pairs[image]))[:number]]

    def batch(self, drawn: Sequence[Sequence[Pair]]) -> dict[str, Tensor]:
        """Tensors of the pairs of B images, P in all.

        tokens [P, L, D], mask [P, L]; owner [P], the image of each pair; word [P, L], the hidden word at each mask,
        IGNORED elsewhere.
        """
        flat = [(owner, *pair) for owner, pairs in enumerate(drawn) for pair in pairs]
        tokens, mask = self.texts.get([number for _, number, _ in flat])
        word = torch.full(mask.shape, IGNORED)
        for row, (_, number, words) in enumerate(flat):
            # The masks are followed by one token, which closes the text.
            end = int(self.texts.lengths[number]) - 1
            word[row, end - len(words) : end] = torch.tensor(words)
        return {"tokens": tokens, "mask": mask, "owner": torch.tensor([owner for owner, _, _ in flat]), "word": word}


def number_pairs(pairs: Sequence[Sequence[tuple[str, list[int]]]], texts: TextTokens) -> MaskedQuestions:
    """From each image's pairs of a masked text and the ids that it hides."""
    words = sorted({word for image in pairs for _, ids in image for word in ids})
    index = {word: number for number, word in enumerate(words)}
    numbered = [[(texts.number[text], [index[word] for word in ids]) for text, ids in image] for image in pairs]
    return MaskedQuestions(texts, numbered, words)
