"""From kept question-answer pairs to masked questions, whose tokens are computed once like those of any text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.alignment.data.masked_questions import MaskedQuestions, number_pairs
from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.build_dataset import BYTES_PER_VALUE, Encoders, Sources, check_known, compute_texts
from pipeline.core.errors import UserError
from pipeline.encoders.text.encoder import TextEncoder
from pipeline.encoders.text.masked_text import mask_token, masked, pieces, tokenize_masked
from pipeline.storage.shards import ImageShards
from pipeline.tables.triplets import KEPT_QA

Hidden = tuple[str, list[int]]
"""A masked text, and the ids of the word pieces that it hides."""


def read_answers(shards: ImageShards, triplets: Path, keys: Sequence[str], encoder: TextEncoder) -> list[list[Hidden]]:
    """The masked texts of each image, in the order of `keys`.

    Raises UserError if the encoder has no mask token, if a pair's image is not among the shards, or if no answer is
    left to mask.
    """
    fix = "choose another text encoder, or set align.loss_weights.answers to 0"
    mask_token(encoder, where="align.text_encoder", fix=fix)
    table = KEPT_QA.read_folder(triplets, "*-qa.parquet")
    check_known(table, set(shards.manifest["key"].to_pylist()), triplets, shards.folder, "question-answer pairs")
    hidden = hide_answers(table.to_pylist(), keys, encoder)
    if not any(hidden):
        raise UserError(
            "There are no answers to mask.",
            where=triplets,
            expected="kept question-answer pairs of training images",
            fix="set align.loss_weights.answers to 0, or let the filter keep more",
        )
    return hidden


def hide_answers(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], encoder: TextEncoder) -> list[list[Hidden]]:
    """Each image's distinct pairs with masked answers. rows: with key, question, answer; other images' are ignored.

    An answer that has no word, or would fill more than half of the longest text, is left out, and their number told.
    """
    asked: dict[str, dict[tuple[str, str], None]] = {key: {} for key in keys}
    for row in rows:
        if row["key"] in asked:
            asked[row["key"]][_plain(row["question"]), _plain(row["answer"])] = None
    answers = sorted({answer for own in asked.values() for _, answer in own})
    ids = dict(zip(answers, pieces(encoder, answers), strict=True)) if answers else {}
    fits = {answer for answer in answers if 0 < len(ids[answer]) <= encoder.max_length // 2}
    hidden = [[(masked(q, len(ids[a])), ids[a]) for q, a in own if a in fits] for own in asked.values()]
    pairs, kept = sum(map(len, asked.values())), sum(map(len, hidden))
    if kept < pairs:
        print(f"align: {pairs - kept} of {pairs} answers have no word or too many to be masked", flush=True)
    return hidden


def store_answers(
    hidden: Sequence[Sequence[Hidden]], train: Sources, encoders: Encoders, params: AlignParams, scratch: Path
) -> MaskedQuestions:
    """The training images' pairs in numbers, with the tokens of their texts (computed, or found in scratch)."""
    texts: dict[str, set[str]] = {}
    for (shard, _), own in zip(train.places, hidden, strict=True):
        texts.setdefault(f"train-answers-{shard}", set()).update(text for text, _ in own)
    work = {name: sorted(own) for name, own in sorted(texts.items()) if own}
    tokens = sum(int(tokenize_masked(encoders.text.encoder, own)[1].sum()) for own in work.values())
    size = tokens * encoders.text.dim * BYTES_PER_VALUE
    print(f"align: tokens of {sum(map(len, work.values()))} masked questions take {size / 1e6:.0f} MB", flush=True)
    folder = scratch / "align" / "answers"
    return number_pairs(hidden, compute_texts(work, encoders, params, folder, scratch, masked=True))


def _plain(text: str) -> str:
    return text.strip().lower()
