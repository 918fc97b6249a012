"""Train a generator or a filter model on `data/annotations/`, measure it, and write its folder.

A training builds the model, reads the data, fits the whitening of the image tokens, takes over the weights of an
earlier model if one is named, trains, writes the model and its curves, and measures it on held-out images.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pipeline.core.files import hash_file
from pipeline.core.settings import machine
from pipeline.core.stage import Paths
from pipeline.encoders.common.checkpoint import WEIGHTS
from pipeline.execution.process import CPU_THREADS, fixed_threads
from pipeline.metrics.question_only import MostFrequentAnswer
from pipeline.questioner.decoding.filter_model import FilterModel
from pipeline.questioner.decoding.generator import Generator
from pipeline.questioner.model.build import Limits, build_model, text_model_hash
from pipeline.questioner.model.checkpoint import (
    FILTER,
    GENERATOR,
    LoadedModel,
    load_weights,
    save_model,
)
from pipeline.questioner.training.dataset import Samples, read_samples
from pipeline.questioner.training.image_inputs import PixelStore, image_inputs, tokens_for_whitening
from pipeline.questioner.training.mixture import DataSet, Mixture
from pipeline.questioner.training.objective import FilterObjective, GeneratorObjective, MaskedLMObjective
from pipeline.questioner.training.params import TrainFilterParams, TrainGeneratorParams
from pipeline.questioner.training.validate import HeldOut, measure_filter, measure_generator
from pipeline.storage.shards import ImageShards
from pipeline.training.checkpoint import training_fingerprint
from pipeline.training.loop import train

AnyParams = TrainGeneratorParams | TrainFilterParams
TABLES = ("manifest.parquet", "regions.parquet", "questions.parquet")


class QuestionerTraining:
    """One training of a generator or a filter model.

    Raises UserError for missing data or weights, or if there is nothing to train on.
    """

    @fixed_threads(CPU_THREADS)
    def __init__(self, params: AnyParams, paths: Paths) -> None:
        self.params, self.paths = params, paths
        self.task = GENERATOR if isinstance(params, TrainGeneratorParams) else FILTER
        self.device = torch.device(machine().device)
        limits = Limits(params.samples.max_tokens, params.samples.max_answer_tokens)
        self.modules, self.config, self.prompts = build_model(
            params.model, params.region_prompt, limits, self.task, params.training.seed, paths.root
        )
        self.shards = ImageShards(paths.annotations)
        self.train, self.val = self.read_split("train"), self.read_split("val")
        self.initialise()

    def read_split(self, name: str) -> DataSet:
        """The samples of a split, with the inputs of their images."""
        limits = Limits(self.config.max_tokens, self.config.max_answer_tokens)
        samples = read_samples(self.paths.annotations, self.shards, name, self.prompts, limits)
        encoder = self.modules.vision.encoder
        store = PixelStore(self.shards, samples.keys, encoder.preprocessing)
        per_box = self.config.region_prompt == "mask_channel"
        return DataSet(samples, image_inputs(encoder, store, per_box, self.device), self.paths.annotations)

    def initialise(self) -> None:
        """Fit the whitening on training images, or take over all weights of an earlier model."""
        encoder = self.modules.vision.encoder
        self.modules.questioner.whiten.fit(tokens_for_whitening(encoder, self.train.images, self.device))
        if self.params.model.init_from:
            load_weights(self.modules, self.paths.root / self.params.model.init_from)

    @fixed_threads(CPU_THREADS)
    def run(self) -> dict[str, Any]:
        """Train and measure; write model, curves and held-out texts, and return the metrics."""
        history = train(
            self.objective(),
            self.params.training,
            name=f"train_{self.task}",
            fingerprint=self.fingerprint(),
            scratch=self.paths.scratch,
            device=str(self.device),
        )
        history.write(self.paths.plots)
        folder = self.paths.generator if self.task == GENERATOR else self.paths.filter_model
        provenance = self.provenance(history.best_step)
        save_model(folder, self.config, self.modules, self.prompts.tokenizer, provenance)
        return {
            "validation": self.measure(),
            "best_step": history.best_step,
            "samples": {"train": size_of(self.train.samples), "val": size_of(self.val.samples)},
            "parameters": sum(parameter.numel() for parameter in self.modules.parameters()),
        }

    def objective(self) -> MaskedLMObjective:
        """Model, losses and data of the training loop."""
        params, limits = self.params, self.params.samples
        size, seed = params.training.batch_size, params.training.seed
        train, val = (Mixture([split], limits, size, seed) for split in (self.train, self.val))
        objective = GeneratorObjective if self.task == GENERATOR else FilterObjective
        return objective(
            self.modules.vision,
            self.modules.questioner,
            self.prompts,
            limits,
            train,
            val,
            params.validation.images_while_training,
            params.model.image_learning_rate_scale,
        )

    def measure(self) -> dict[str, Any]:
        """Metrics on the held-out images; the model's texts of them go to `held_out/`."""
        validation, samples = self.params.validation, self.val.samples
        images = min(validation.images or len(samples.keys), len(samples.keys))
        held_out = HeldOut(samples, self.val.images, self.shards.urls, images, validation.images_per_batch)
        names = ("question", "question_type", "answers")
        baseline = MostFrequentAnswer(*(self.train.samples.questions.table[name].to_pylist() for name in names))
        loaded = LoadedModel(self.config, self.modules.vision, self.modules.questioner, self.prompts, "")
        loaded.to(str(self.device))
        folder = self.paths.results / "held_out"
        if self.task == GENERATOR:
            return measure_generator(Generator(loaded), held_out, baseline, folder)
        return measure_filter(FilterModel(loaded), held_out, baseline, folder)

    def fingerprint(self) -> str:
        """Digest of what decides the result: code, parameters, weights, data."""
        weights = [self.config.image_hash, text_model_hash(self.params.model.text, self.paths.root)]
        start = self.params.model.init_from
        more = [self.paths.root / start / WEIGHTS] if start else []
        return training_fingerprint(
            Path(__file__),
            [self.params.model_dump(), weights],
            [*(self.paths.annotations / name for name in TABLES), *more],
        )

    def provenance(self, best_step: int) -> dict[str, Any]:
        """Where the model comes from."""
        text = self.params.model.text
        return {
            "stage": f"train_{self.task}",
            "parameters": self.params.model_dump(),
            "best_step": best_step,
            "image_encoder": {"name": self.config.image.name, "weights": self.config.image_hash},
            "text_model": {"name": text.name, "weights": text_model_hash(text, self.paths.root)},
            "annotations": {name: hash_file(self.paths.annotations / name) for name in TABLES},
        }


def size_of(samples: Samples) -> dict[str, Any]:
    """Number of images, questions and regions, and of what was too long."""
    return {
        "images": len(samples.keys),
        "questions": len(samples.questions.pieces),
        "regions": len(samples.regions.phrases),
        "too_long": samples.too_long,
    }
