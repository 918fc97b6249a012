"""Retrieval as one score: a first ranking by cosine similarity, a second of its first candidates by a captioner.

The first ranking is that of a fine-tuned model's contrastive heads, or that of the shared encoder; the second is in
`reranking.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.alignment.model.checkpoint import read_config
from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.evaluation.finetuned.held_out import finetuned_folder, finetuned_model, read_measured
from pipeline.evaluation.finetuned.params import EvaluateFinetunedParams, RetrievalScore
from pipeline.evaluation.finetuned.reranking import reranked
from pipeline.evaluation.retrieval.embedding import AlignedEmbedder
from pipeline.metrics.recalls import recall_metrics
from pipeline.metrics.retrieval import FloatArray, IntArray, Ranks, ranks_of_scores
from pipeline.questioner.decoding.pretrained import PretrainedModel
from pipeline.questioner.finetuning.params import SHARED_ENCODER
from pipeline.questioner.model.checkpoint import LoadedModel
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.pretraining.validate import HeldOutPairs, retrieval_scores
from pipeline.storage.shards import ImageShards
from pipeline.tables.held_out import HELD_OUT_RANKS


def check_models(score: RetrievalScore, paths: Paths) -> None:
    """Raise UserError for a model of the score that is missing."""
    if score.model == SHARED_ENCODER:
        read_config(paths.alignment)
    else:
        finetuned_folder(score.model, paths)
    if score.rerank:
        finetuned_folder(score.rerank.model, paths)


def measure_retrieval(
    score: RetrievalScore, params: EvaluateFinetunedParams, paths: Paths, folder: Path
) -> dict[str, Any]:
    """Recall before and after re-ranking; every query's ranks go to `folder`.

    For the shared encoder the captioner's model reads the source, once for both rankings. Raises UserError for a model
    without contrastive heads.
    """
    captioner = finetuned_model(score.rerank.model, paths) if score.rerank else None
    shared = score.model == SHARED_ENCODER
    model = captioner if shared and captioner else finetuned_model(score.model, paths)
    measured = read_measured(score.source, score.task, model, paths)
    pairs = measured.pairs(params.images_per_batch)
    texts = caption_texts(pairs, model.prompts)
    if shared:
        scores = shared_encoder_scores(paths.alignment, measured.shards, pairs, texts, params.images_per_batch)
    else:
        require_contrast(model, paths.finetuned / score.model)
        scores = retrieval_scores(PretrainedModel(model), pairs)
    ranks, again = ranks_of_scores(scores, pairs.owner), None
    metrics = {
        "images": len(pairs.images),
        "captions": len(pairs.owner),
        **recall_metrics(ranks, pairs.owner, params.seed, params.bootstrap_samples),
    }
    if captioner and score.rerank:
        if not shared:
            measured = read_measured(score.source, score.task, captioner, paths)
        read = measured.pairs(params.images_per_batch)
        again = reranked(scores, PretrainedModel(captioner), read, score.rerank, params.seed)
        metrics["reranked"] = recall_metrics(again, pairs.owner, params.seed, params.bootstrap_samples)
    write_ranks(pairs, texts, ranks, again, folder)
    return metrics


def require_contrast(model: LoadedModel, folder: Path) -> None:
    """Raise UserError for a model without contrastive heads."""
    if model.contrast is None:
        raise UserError(
            "Retrieval is asked of a model without contrastive heads.",
            where=folder,
            fix="give pretrain.weights.contrastive a value above 0, or drop the score",
        )


def caption_texts(pairs: HeldOutPairs, prompts: Prompts) -> list[str]:
    """The captions as they were written; those without a word piece are not among the pairs."""
    texts = [text for of_image in pairs.table["references"].to_pylist() for text in of_image]
    return [text for text, pieces in zip(texts, prompts.pieces(texts), strict=True) if pieces]


def shared_encoder_scores(
    folder: Path, shards: ImageShards, pairs: HeldOutPairs, texts: list[str], batch_size: int
) -> FloatArray:
    """Cosine similarity of every measured image with every caption by the shared encoder, [images, captions]."""
    embedder = AlignedEmbedder(folder, batch_size)
    images = embedder.images(shards, pairs.table["key"].to_pylist())
    return images.astype(np.float64) @ embedder.texts(texts).astype(np.float64).T


def write_ranks(pairs: HeldOutPairs, texts: list[str], before: Ranks, after: Ranks | None, folder: Path) -> None:
    """Write every query's rank before and after re-ranking as HELD_OUT_RANKS."""
    keys = pairs.table["key"].to_pylist()
    directions = (
        ("text_to_image", [keys[image] for image in pairs.owner], texts),
        ("image_to_text", keys, [""] * len(keys)),
    )
    tables = [
        pa.table(
            {
                "direction": [direction] * len(keys),
                "query": range(len(keys)),
                "key": keys,
                "text": texts,
                "rank": getattr(before, direction),
                "reranked": optional(getattr(after, direction, None), len(keys)),
            }
        )
        for direction, keys, texts in directions
    ]
    HELD_OUT_RANKS.write(folder / "ranks.parquet", pa.concat_tables(tables))


def optional(ranks: IntArray | None, count: int) -> pa.Array:
    """Ranks as a column, or a column of nulls."""
    return pa.nulls(count, pa.int32()) if ranks is None else pa.array(ranks, pa.int32())
