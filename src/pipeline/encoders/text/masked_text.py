"""Texts that end in hidden words: `what color is the car? [MASK] [MASK]`.

No tokenizer is asked to read "[MASK]" in a text: the built-in one never makes a special token of what a text says, and
other encoders spell theirs in other ways. The masks at the end of a text are counted here, what stands before them is
tokenised as always, and as many mask tokens are put in front of the token that closes it. A text that is too long
loses words, never masks.

This holds for tokenizers that put one special token on either side of a text, and padding behind it: those of BERT and
its relatives.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pipeline.core.errors import UserError
from pipeline.encoders.text.encoder import TextEncoder

MASK = " [MASK]"


def masked(text: str, number: int) -> str:
    """The text with a number of masks behind it."""
    return text + MASK * number


def split_masks(text: str) -> tuple[str, int]:
    """What stands before the masks at a text's end, and their number."""
    number = 0
    while text.endswith(MASK):
        text, number = text.removesuffix(MASK), number + 1
    return text, number


def tokenize_masked(encoder: TextEncoder, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Ids and mask of texts, as `encoder.tokenize` gives them, where masks at a text's end are mask tokens.

    A text ends in at most `max_length` - 2 masks. Raises UserError if the encoder has no mask token.
    """
    token = mask_token(encoder)
    parts = [split_masks(text) for text in texts]
    filled = []
    for row, (_, masks) in zip(_rows(encoder, [text for text, _ in parts]), parts, strict=True):
        words = row[:-1][: encoder.max_length - 1 - masks]
        filled.append(torch.cat([words, row.new_full((masks,), token), row[-1:]]))
    lengths = torch.tensor([len(row) for row in filled])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    return pad_sequence(filled, batch_first=True), mask.long()


def pieces(encoder: TextEncoder, texts: Sequence[str]) -> list[list[int]]:
    """Ids of each text's word pieces, without special tokens; `max_length` - 2 of them at most."""
    return [row[1:-1].tolist() for row in _rows(encoder, texts)]


def mask_token(encoder: TextEncoder, where: str = "", fix: str = "choose another text encoder") -> int:
    """Id of the encoder's mask token. Raises UserError (naming `where` and `fix`) if it has none."""
    if encoder.mask_id is None:
        raise UserError(
            "The text encoder cannot hide words: its tokenizer has no mask token.",
            where=where,
            expected="a BERT or one of its relatives",
            fix=fix,
        )
    return encoder.mask_id


def _rows(encoder: TextEncoder, texts: Sequence[str]) -> list[Tensor]:
    """Ids of each text with its special tokens, without padding."""
    ids, mask = encoder.tokenize(texts)
    return [row[:length] for row, length in zip(ids, mask.sum(dim=1).tolist(), strict=True)]
