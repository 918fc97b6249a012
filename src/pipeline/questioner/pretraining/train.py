"""Pre-train a model on `data/pairs/`; see `training/model_training.py` for the order of things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.questioner.data.dataset import Samples
from pipeline.questioner.data.pairs import read_pairs
from pipeline.questioner.decoding.pretrained import PretrainedModel
from pipeline.questioner.model.build import Limits, build_model
from pipeline.questioner.model.checkpoint import PRETRAINED, LoadedModel, ModelConfig, QuestionerModules
from pipeline.questioner.model.contrast import ContrastConfig
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.pretraining.objective import PretrainObjective, Tasks
from pipeline.questioner.pretraining.params import PretrainParams
from pipeline.questioner.pretraining.validate import HeldOutPairs, measure_pretrained
from pipeline.questioner.training.model_training import ModelTraining
from pipeline.storage.shards import MANIFEST_FILE


class Pretraining(ModelTraining[PretrainParams]):
    """One pre-training."""

    files = (MANIFEST_FILE,)

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return "pretrain"

    @property
    def data(self) -> Path:
        """The pairs."""
        return self.paths.pairs

    @property
    def folder(self) -> Path:
        """The folder of the model."""
        return self.paths.pretrained

    def limits(self) -> Limits:
        """Longest texts; the model's answers may be as long as its captions."""
        return Limits(self.params.samples.max_tokens, self.params.samples.max_tokens)

    def build(self) -> tuple[QuestionerModules, ModelConfig, Prompts]:
        """The model before the training; without contrast it has no contrastive heads."""
        params = self.params
        contrast = ContrastConfig(params.contrast.width, params.contrast.token_wise)
        heads = contrast if params.weights.contrastive else None
        seed = params.training.seed
        return build_model(params.model, params.region_prompt, self.limits(), PRETRAINED, seed, self.paths.root, heads)

    def read_samples(self, split: str) -> Samples:
        """The captioned images of a split."""
        return read_pairs(self.shards, split, self.prompts, self.limits())

    def objective(self) -> PretrainObjective:
        """Model, losses and data of the training loop."""
        params, samples = self.params, self.params.samples.sample_params()
        return PretrainObjective(
            self.modules,
            self.prompts,
            samples,
            Tasks(params.weights.model_dump(), params.samples.masked_words_prob, params.contrast.temperature),
            *self.mixtures(samples),
            params.validation.images_while_training,
            params.model.image_learning_rate_scale,
        )

    def measure(self, model: LoadedModel, images: int) -> dict[str, Any]:
        """Metrics on the held-out pairs; the model's captions of them go to `held_out/`."""
        per_batch = self.params.validation.images_per_batch
        held_out = HeldOutPairs(self.val.samples, self.val.images, self.shards, images, per_batch)
        return measure_pretrained(PretrainedModel(model), held_out, self.paths.results / "held_out")

    def code(self) -> Path:
        """This file."""
        return Path(__file__)

    def size_of(self, samples: Samples) -> dict[str, int]:
        """Number of images and captions, and of captions that were too long."""
        return {
            "images": len(samples.keys),
            "captions": len(samples.captions.pieces),
            "too_long": samples.too_long["captions"],
        }
