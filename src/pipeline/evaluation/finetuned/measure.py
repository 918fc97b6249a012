"""Every score of the stage `evaluate_finetuned`: its metrics, and what the model said of every item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.core.stage import Paths
from pipeline.evaluation.finetuned.held_out import (
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
from pipeline.evaluation.finetuned.retrieval import check_models, measure_retrieval
from pipeline.execution.process import CPU_THREADS, fixed_threads
from pipeline.questioner.decoding.filter_model import FilterModel
from pipeline.questioner.decoding.pretrained import PretrainedModel
from pipeline.questioner.finetuning.sources import shards_of
from pipeline.questioner.pretraining.validate import measure_captions
from pipeline.questioner.training.validate import measure_filter


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
            shards_of(score.source, self.paths)
            if isinstance(score, RetrievalScore):
                check_models(score, self.paths)
            elif isinstance(score, QuestionsScore):
                learned_task(finetuned_folder(score.model, self.paths))
            else:
                finetuned_folder(score.model, self.paths)

    def measure(self, score: AnyScore, folder: Path) -> dict[str, Any]:
        """Metrics of one score."""
        if isinstance(score, RetrievalScore):
            return measure_retrieval(score, self.params, self.paths, folder)
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
