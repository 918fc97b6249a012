"""Every score of the stage `evaluate_finetuned`: its metrics, and what the model said of every item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.evaluation.finetuned.held_out import (
    Measured,
    finetuned_folder,
    finetuned_model,
    learned_answers,
    learned_task,
    read_measured,
)
from pipeline.evaluation.finetuned.params import (
    AnyScore,
    CaptionsScore,
    EvaluateFinetunedParams,
    QuestionsScore,
    RetrievalScore,
)
from pipeline.evaluation.finetuned.reranking import reranked
from pipeline.execution.process import CPU_THREADS, fixed_threads
from pipeline.metrics.recalls import recall_metrics
from pipeline.metrics.retrieval import IntArray, Ranks, ranks_of_scores
from pipeline.questioner.decoding.filter_model import FilterModel
from pipeline.questioner.decoding.pretrained import PretrainedModel
from pipeline.questioner.finetuning.sources import shards_of
from pipeline.questioner.model.checkpoint import LoadedModel
from pipeline.questioner.pretraining.validate import HeldOutPairs, measure_captions, retrieval_scores
from pipeline.questioner.training.validate import measure_filter
from pipeline.tables.held_out import HELD_OUT_RANKS


class FinetunedEvaluation:
    """All scores of one stage. Raises UserError for a model or data that is missing or does not fit a score."""

    def __init__(self, params: EvaluateFinetunedParams, paths: Paths) -> None:
        self.params, self.paths = params, paths

    @fixed_threads(CPU_THREADS)
    def run(self) -> dict[str, Any]:
        """Metrics by name of the score; what the models said goes to `details/<name>/`."""
        self.check()
        details = self.paths.results / "details"
        details.mkdir(parents=True, exist_ok=True)
        return {score.name: self.measure(score, details / score.name) for score in self.params.scores}

    def check(self) -> None:
        """Raise UserError for a model or a source that is missing, before hours go into the scores ahead of it."""
        for score in self.params.scores:
            folder = finetuned_folder(score.model, self.paths)
            shards_of(score.source, self.paths)
            if isinstance(score, QuestionsScore):
                learned_task(folder)
            if isinstance(score, RetrievalScore) and score.rerank:
                finetuned_folder(score.rerank.model, self.paths)

    def measure(self, score: AnyScore, folder: Path) -> dict[str, Any]:
        """Metrics of one score."""
        model = finetuned_model(score.model, self.paths)
        measured = read_measured(score.source, score.task, model, self.paths)
        match score:
            case QuestionsScore():
                baseline = learned_answers(score.model, model, self.paths)
                held_out = measured.questions(self.params.images_per_batch)
                return measure_filter(FilterModel(model), held_out, baseline, folder)
            case CaptionsScore():
                pairs = measured.pairs(self.params.images_per_batch)
                return measure_captions(PretrainedModel(model), pairs, folder, score.beams)
            case RetrievalScore():
                return self.retrieval(score, model, measured, folder)

    def retrieval(self, score: RetrievalScore, loaded: LoadedModel, measured: Measured, folder: Path) -> dict[str, Any]:
        """Recall before and after re-ranking."""
        if loaded.contrast is None:
            raise UserError(
                "Retrieval is asked of a model without contrastive heads.",
                where=self.paths.finetuned / score.model,
                fix="give pretrain.weights.contrastive a value above 0, or drop the score",
            )
        params, model = self.params, PretrainedModel(loaded)
        pairs = measured.pairs(params.images_per_batch)
        scores = retrieval_scores(model, pairs)
        ranks, again = ranks_of_scores(scores, pairs.owner), None
        metrics = {
            "images": len(pairs.images),
            "captions": len(pairs.owner),
            **recall_metrics(ranks, pairs.owner, params.seed, params.bootstrap_samples),
        }
        if score.rerank:
            captioner = finetuned_model(score.rerank.model, self.paths)
            read = read_measured(score.source, score.task, captioner, self.paths).pairs(params.images_per_batch)
            again = reranked(scores, PretrainedModel(captioner), read, score.rerank.candidates, params.seed)
            metrics["reranked"] = recall_metrics(again, pairs.owner, params.seed, params.bootstrap_samples)
        write_ranks(model, pairs, ranks, again, folder)
        return metrics


def write_ranks(model: PretrainedModel, pairs: HeldOutPairs, before: Ranks, after: Ranks | None, folder: Path) -> None:
    """Write every query's rank before and after re-ranking as HELD_OUT_RANKS."""
    texts = [model.prompts.text(caption) for caption in pairs.pieces(pairs.images)]
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
