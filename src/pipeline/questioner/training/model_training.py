"""One training of a questioner's model, whatever it learns: what all of them do in the same order.

Build the model (or take over an earlier one), read both splits, fit the whitening of the image tokens of a new one,
train, write the model and its curves, and measure it on held-out images.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch

from pipeline.core.files import hash_file
from pipeline.core.settings import machine
from pipeline.core.stage import Paths
from pipeline.encoders.common.checkpoint import WEIGHTS
from pipeline.execution.process import CPU_THREADS, fixed_threads
from pipeline.questioner.data.dataset import Samples
from pipeline.questioner.data.image_inputs import PixelStore, image_inputs, tars_of, tokens_for_whitening
from pipeline.questioner.data.mixture import DataSet, Mixture
from pipeline.questioner.data.params import SampleParams
from pipeline.questioner.model.build import text_model_hash
from pipeline.questioner.model.checkpoint import (
    LoadedModel,
    ModelConfig,
    QuestionerModules,
    save_model,
)
from pipeline.questioner.model.params import QuestionerParams
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.training.params import ValidationParams
from pipeline.storage.shards import ImageShards
from pipeline.training.checkpoint import training_fingerprint
from pipeline.training.loop import train
from pipeline.training.objective import Objective
from pipeline.training.params import TrainingParams


class ModelParams(Protocol):
    """What the parameters of every such training have."""

    @property
    def model(self) -> QuestionerParams: ...
    @property
    def validation(self) -> ValidationParams: ...
    @property
    def training(self) -> TrainingParams: ...
    def model_dump(self) -> dict[str, Any]: ...


P = TypeVar("P", bound=ModelParams)


class ModelTraining(ABC, Generic[P]):
    """Base of the trainings. `files` are those in the folder of the data that decide the result, by name.

    Raises UserError for missing data or weights, or if there is nothing to train on.
    """

    files: Sequence[str]

    @fixed_threads(CPU_THREADS)
    def __init__(self, params: P, paths: Paths) -> None:
        self.params, self.paths = params, paths
        self.device = torch.device(machine().device)
        self.modules, self.config, self.prompts = self.build()
        self.shards = ImageShards(self.data)
        self.train, self.val = self.read_split("train"), self.read_split("val")
        self.initialise()

    @property
    @abstractmethod
    def stage(self) -> str:
        """Name of the stage."""

    @property
    @abstractmethod
    def data(self) -> Path:
        """The folder that is learned from."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """The folder of the model."""

    @abstractmethod
    def build(self) -> tuple[QuestionerModules, ModelConfig, Prompts]:
        """The model before the training."""

    @abstractmethod
    def read_samples(self, split: str) -> Samples:
        """The samples of a split."""

    @abstractmethod
    def objective(self) -> Objective:
        """Model, losses and data of the training loop."""

    @abstractmethod
    def measure(self, model: LoadedModel, images: int) -> dict[str, Any]:
        """Metrics on so many held-out images; what the model says of them goes to `held_out/`."""

    @abstractmethod
    def size_of(self, samples: Samples) -> dict[str, Any]:
        """What the metrics say of a split."""

    def read_split(self, name: str) -> DataSet:
        """The samples of a split, with the inputs of their images."""
        samples = self.read_samples(name)
        vision = self.modules.vision
        store = PixelStore(self.shards, samples.keys, vision.encoder.preprocessing)
        return DataSet(samples, image_inputs(vision, store, self.device), f"{self.data}, split {name}")

    def initialise(self) -> None:
        """Fit the whitening on training images, unless an earlier model gave all weights."""
        if not self.params.model.init_from:
            tokens = tokens_for_whitening(self.modules.vision, self.train.images, self.device)
            self.modules.questioner.whiten.fit(tokens)

    def mixtures(self, params: SampleParams) -> tuple[Mixture, Mixture]:
        """Both splits as the training draws from them."""
        size, seed = self.params.training.batch_size, self.params.training.seed
        train, val = (Mixture([split], params, size, seed) for split in (self.train, self.val))
        return train, val

    @fixed_threads(CPU_THREADS)
    def run(self) -> dict[str, Any]:
        """Train and measure; write model, curves and held-out texts, and return the metrics."""
        history = train(
            self.objective(),
            self.params.training,
            name=self.stage,
            fingerprint=self.fingerprint(),
            scratch=self.paths.scratch,
            device=str(self.device),
        )
        history.write(self.paths.plots)
        provenance = self.provenance(history.best_step)
        save_model(self.folder, self.config, self.modules, self.prompts.tokenizer, provenance)
        modules, held_out = self.modules, len(self.val.samples.keys)
        model = LoadedModel(self.config, modules.vision, modules.questioner, self.prompts, "", modules.contrast)
        images = min(self.params.validation.images or held_out, held_out)
        return {
            "validation": self.measure(model.to(str(self.device)), images),
            "best_step": history.best_step,
            "samples": {"train": self.size_of(self.train.samples), "val": self.size_of(self.val.samples)},
            "parameters": sum(parameter.numel() for parameter in modules.parameters()),
        }

    def fingerprint(self) -> str:
        """Digest of what decides the result: code, parameters, weights, data, and pictures that no start reads."""
        weights = [self.config.image_hash, text_model_hash(self.params.model.text, self.paths.root)]
        start = self.params.model.init_from
        files = [*(self.data / name for name in self.files), *([self.paths.root / start / WEIGHTS] if start else [])]
        files += [tar for split in (self.train, self.val) for tar in tars_of(split.images)]
        return training_fingerprint(self.code(), [self.params.model_dump(), weights], files)

    @abstractmethod
    def code(self) -> Path:
        """The file whose imports are all the code that the training runs."""

    def provenance(self, best_step: int) -> dict[str, Any]:
        """Where the model comes from."""
        text = self.params.model.text
        return {
            "stage": self.stage,
            "parameters": self.params.model_dump(),
            "best_step": best_step,
            "image_encoder": {"name": self.config.image.name, "weights": self.config.image_hash},
            "text_model": {"name": text.name, "weights": text_model_hash(text, self.paths.root)},
            self.data.name: {name: hash_file(self.data / name) for name in self.files},
        }
