"""Train a generator or a filter model on `data/annotations/`; see `model_training.py` for the order of things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.questioner.data.dataset import Samples, read_samples
from pipeline.questioner.decoding.filter_model import FilterModel
from pipeline.questioner.decoding.generator import Generator
from pipeline.questioner.model.build import Limits, build_model
from pipeline.questioner.model.checkpoint import FILTER, GENERATOR, LoadedModel, ModelConfig, QuestionerModules
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.training.model_training import ModelTraining
from pipeline.questioner.training.objective import MaskedLMObjective
from pipeline.questioner.training.params import TrainFilterParams, TrainGeneratorParams
from pipeline.questioner.training.tasks import FilterObjective, GeneratorObjective
from pipeline.questioner.training.validate import HeldOut, measure_filter, measure_generator, most_frequent


class QuestionerTraining(ModelTraining[TrainGeneratorParams | TrainFilterParams]):
    """One training of a generator or a filter model."""

    files = ("manifest.parquet", "regions.parquet", "questions.parquet")

    @property
    def task(self) -> str:
        """generator or filter."""
        return GENERATOR if isinstance(self.params, TrainGeneratorParams) else FILTER

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return f"train_{self.task}"

    @property
    def data(self) -> Path:
        """The annotations."""
        return self.paths.annotations

    @property
    def folder(self) -> Path:
        """The folder of the model."""
        return self.paths.generator if self.task == GENERATOR else self.paths.filter_model

    def build(self) -> tuple[QuestionerModules, ModelConfig, Prompts]:
        """The model before the training."""
        params, limits = self.params, Limits(self.params.samples.max_tokens, self.params.samples.max_answer_tokens)
        return build_model(params.model, params.region_prompt, limits, self.task, params.training.seed, self.paths.root)

    def read_samples(self, split: str) -> Samples:
        """The annotated images of a split."""
        limits = Limits(self.config.max_tokens, self.config.max_answer_tokens)
        sources = self.params.annotation_sources if split == "train" else None
        return read_samples(self.data, self.shards, split, self.prompts, limits, sources)

    def objective(self) -> MaskedLMObjective:
        """Model, losses and data of the training loop."""
        params = self.params
        objective = GeneratorObjective if self.task == GENERATOR else FilterObjective
        return objective(
            self.modules.vision,
            self.modules.questioner,
            self.prompts,
            params.samples,
            *self.mixtures(params.samples),
            params.validation.images_while_training,
            params.model.image_learning_rate_scale,
        )

    def measure(self, model: LoadedModel, images: int) -> dict[str, Any]:
        """Metrics on the held-out images; the model's texts of them go to `held_out/`."""
        per_batch = self.params.validation.images_per_batch
        held_out = HeldOut(self.val.samples, self.val.images, self.shards.urls, images, per_batch)
        baseline = most_frequent(self.train.samples)
        folder = self.paths.results / "held_out"
        if self.task == GENERATOR:
            return measure_generator(Generator(model), held_out, baseline, folder)
        return measure_filter(FilterModel(model), held_out, baseline, folder)

    def code(self) -> Path:
        """This file."""
        return Path(__file__)

    def size_of(self, samples: Samples) -> dict[str, Any]:
        """Number of images, questions and regions, and of what was too long."""
        return {
            "images": len(samples.keys),
            "questions": len(samples.questions.pieces),
            "regions": len(samples.regions.phrases),
            "too_long": samples.too_long,
        }
