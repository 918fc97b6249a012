"""From kept question-answer pairs to masked questions, whose tokens are computed once like those of any text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.alignment.data.masked_questions import MaskedQuestions, number_pairs
from pipeline.alignment.data.splits import Split, Splits, triplets_of_align
from pipeline.alignment.inputs.init_from import InitFrom
from pipeline.alignment.inputs.text_tokens import cache_texts
from pipeline.alignment.inputs.token_cache import BYTES_PER_VALUE
from pipeline.alignment.model.layer_states import LayeredText
from pipeline.core.errors import UserError
from pipeline.encoders.text.encoder import TextEncoder
from pipeline.encoders.text.masked_text import mask_token, masked, pieces, tokenize_masked
from pipeline.tables.questions import lowered
from pipeline.tables.triplets import KEPT_QA

MaskedText = tuple[str, list[int]]
"""A text that ends in masks, and the ids of the word pieces that they hide."""


def read_answers(splits: Splits, triplets: Path, encoder: TextEncoder) -> list[list[MaskedText]]:
    """The masked texts of each training image.

    Raises UserError if the encoder has no mask token, if there are no pairs or one's image is not among the shards, or
    if no answer is left to mask.
    """
    fix = "choose another text encoder, or set align.loss_weights.answers to 0"
    mask_token(encoder, where="align.text_encoder", fix=fix)
    table = triplets_of_align(KEPT_QA, triplets, splits.shards)
    answers = mask_answers(table.to_pylist(), splits.train.keys, encoder)
    if not any(answers):
        raise UserError(
            "There are no answers to mask.",
            where=triplets,
            expected="kept question-answer pairs of training images",
            fix="set align.loss_weights.answers to 0, or let the filter keep more",
        )
    return answers


def mask_answers(
    rows: Sequence[Mapping[str, Any]], keys: Sequence[str], encoder: TextEncoder
) -> list[list[MaskedText]]:
    """Each image's distinct pairs with masked answers. rows: with key, question, answer; other images' are ignored.

    An answer without any word, or one that would fill more than half of the longest text, is left out; a line says how
    many were.
    """
    qa: dict[str, dict[tuple[str, str], None]] = {key: {} for key in keys}
    for row in rows:
        if row["key"] in qa:
            qa[row["key"]][lowered(row["question"]), lowered(row["answer"])] = None
    answers = sorted({answer for pairs in qa.values() for _, answer in pairs})
    ids = dict(zip(answers, pieces(encoder, answers), strict=True)) if answers else {}
    fits = {answer for answer in answers if 0 < len(ids[answer]) <= encoder.max_length // 2}
    texts = [
        [(masked(question, len(ids[answer])), ids[answer]) for question, answer in pairs if answer in fits]
        for pairs in qa.values()
    ]
    total, kept = sum(map(len, qa.values())), sum(map(len, texts))
    if kept < total:
        print(f"align: {total - kept} of {total} answers have no word or too many to be masked", flush=True)
    return texts


def cache_answers(
    answers: Sequence[Sequence[MaskedText]], train: Split, encoder: LayeredText, init_from: InitFrom, scratch: Path
) -> MaskedQuestions:
    """The training images' pairs in numbers, with the tokens of their texts (computed, or found in scratch)."""
    texts: dict[str, set[str]] = {}
    for (shard, _), masked_texts in zip(train.rows, answers, strict=True):
        texts.setdefault(f"train-answers-{shard}", set()).update(text for text, _ in masked_texts)
    work = {name: sorted(piece) for name, piece in sorted(texts.items()) if piece}
    tokens = sum(int(tokenize_masked(encoder.encoder, piece)[1].sum()) for piece in work.values())
    size = tokens * encoder.dim * BYTES_PER_VALUE
    print(f"align: tokens of {sum(map(len, work.values()))} masked questions take {size / 1e6:.0f} MB", flush=True)
    cached = cache_texts(work, encoder, init_from, scratch / "align" / "answers", scratch, masked=True)
    return number_pairs(answers, cached)
