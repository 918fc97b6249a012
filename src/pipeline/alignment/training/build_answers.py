"""Which words the masked answers consist of, from all kept question-answer pairs, a shard at a time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.alignment.data.masked_questions import MaskedQuestions, can_be_masked
from pipeline.core.errors import UserError
from pipeline.encoders.text.encoder import TextEncoder
from pipeline.encoders.text.masked_text import mask_token, pieces
from pipeline.tables.questions import lowered

FIX = "choose another text encoder, or set align.loss_weights.answers to 0"


def check_masks(encoder: TextEncoder) -> None:
    """Raise UserError if the encoder has no mask token."""
    mask_token(encoder, where="align.text_encoder", fix=FIX)


def read_answers(answers: Iterable[pa.StringArray], triplets: Path, encoder: TextEncoder) -> MaskedQuestions:
    """The words to choose among. answers: those of the rows of each shard.

    An answer without any word, or one that would fill more than half of the longest text, is left out; a line says how
    many were. Raises UserError if no answer is left to mask.
    """
    words, total, kept = set[int](), 0, 0
    for shard in answers:
        counted = shard.value_counts()
        rows = counted.field("counts").to_numpy()
        texts = [lowered(text) for text in counted.field("values").to_pylist()]
        ids = pieces(encoder, texts) if texts else []
        fits = np.array([can_be_masked(own, encoder) for own in ids], dtype=bool)
        words.update(word for own, fit in zip(ids, fits.tolist(), strict=True) if fit for word in own)
        total, kept = total + int(rows.sum()), kept + int(rows[fits].sum())
    if kept < total:
        print(f"align: {total - kept} of {total} answers have no word or too many to be masked", flush=True)
    if not kept:
        raise UserError(
            "There are no answers to mask.",
            where=triplets,
            expected="kept question-answer pairs of training images",
            fix="set align.loss_weights.answers to 0, or let the filter keep more",
        )
    return MaskedQuestions(encoder, np.array(sorted(words)))
