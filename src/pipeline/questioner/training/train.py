"""Train a generator or a filter model on `data/annotations/`, measure it, and write its folder.

A training builds the model, reads the data, fits the whitening of the image tokens, takes over the weights of an
earlier model if one is named, trains, writes the model and its curves, and measures it on held-out images.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.core.files import hash_file
from pipeline.core.settings import machine
from pipeline.core.stage import Paths
from pipeline.encoders.common.checkpoint import WEIGHTS
from pipeline.encoders.common.params import TextEncoderParams
from pipeline.encoders.common.resolve import resolve
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.execution.process import CPU_THREADS, fixed_threads
from pipeline.metrics.question_only import MostFrequentAnswer
from pipeline.questioner.decoding.filter_model import FilterModel
from pipeline.questioner.decoding.generator import Generator
from pipeline.questioner.model.checkpoint import (
    FILTER,
    GENERATOR,
    LoadedModel,
    ModelConfig,
    QuestionerModules,
    load_weights,
    save_model,
)
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.model.text_model import load_text_model
from pipeline.questioner.training.dataset import Limits, Samples, read_samples
from pipeline.questioner.training.image_inputs import ImageInputs, PixelStore, all_tokens, tokens_of
from pipeline.questioner.training.objective import FilterObjective, GeneratorObjective, MaskedLMObjective
from pipeline.questioner.training.params import TrainFilterParams, TrainGeneratorParams
from pipeline.questioner.training.sampler import Sampler
from pipeline.questioner.training.validate import HeldOut, measure_filter, measure_generator
from pipeline.storage.shards import ImageShards
from pipeline.training.checkpoint import training_fingerprint
from pipeline.training.loop import train

IMAGES_FOR_WHITENING = 1_000
AnyParams = TrainGeneratorParams | TrainFilterParams
TABLES = ("manifest.parquet", "regions.parquet", "questions.parquet")


@dataclass(frozen=True)
class Split:
    """One split of the annotations: its samples, and the inputs of their images."""

    samples: Samples
    images: ImageInputs


class QuestionerTraining:
    """One training of a generator or a filter model.

    Raises UserError for missing data or weights, or if there is nothing to train on.
    """

    @fixed_threads(CPU_THREADS)
    def __init__(self, params: AnyParams, paths: Paths) -> None:
        self.params, self.paths = params, paths
        self.task = GENERATOR if isinstance(params, TrainGeneratorParams) else FILTER
        self.device = torch.device(machine().device)
        self.modules, self.config, self.prompts = build_model(params, self.task, paths.root)
        self.shards = ImageShards(paths.annotations)
        self.train, self.val = self.read_split("train"), self.read_split("val")
        self.initialise()

    def read_split(self, name: str) -> Split:
        """The samples of a split with tokens of all images if the encoder is frozen, sees no box, and they fit into
        memory; else with the images' pixels.
        """
        limits = Limits(self.config.max_tokens, self.config.max_answer_tokens)
        samples = read_samples(self.paths.annotations, self.shards, name, self.prompts, limits)
        encoder = self.modules.vision.encoder
        store = PixelStore(self.shards, samples.keys, encoder.preprocessing)
        if self.config.image_trained or self.config.region_prompt == "mask_channel":
            return Split(samples, store)
        tokens = all_tokens(encoder, store, self.device)
        return Split(samples, store if tokens is None else tokens)

    def initialise(self) -> None:
        """Fit the whitening on training images, or take over all weights of an earlier model."""
        self.modules.questioner.whiten.fit(self.sample_tokens().flatten(0, 1))
        if self.params.model.init_from:
            folder = self.paths.root / self.params.model.init_from
            load_weights(self.modules, folder)

    def sample_tokens(self) -> Tensor:
        """Tokens [I,N,W] of training images spread evenly over all of them."""
        count = len(self.train.samples.keys)
        spread = np.linspace(0, count - 1, min(count, IMAGES_FOR_WHITENING)).astype(int)
        images = np.unique(spread).tolist()
        if isinstance(self.train.images, Tensor):
            return self.train.images[images]
        return tokens_of(self.modules.vision.encoder, self.train.images, images, self.device)

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
        size, seed, where = params.training.batch_size, params.training.seed, self.paths.annotations
        sampler = Sampler(self.train.samples, limits, size, seed, where)
        val_sampler = Sampler(self.val.samples, limits, size, seed, where)
        val_items = val_sampler.fixed(params.validation.images_while_training)
        objective = GeneratorObjective if self.task == GENERATOR else FilterObjective
        return objective(
            self.modules.vision,
            self.modules.questioner,
            self.prompts,
            limits,
            (sampler, self.train.images),
            (val_items, self.val.samples, self.val.images),
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
        weights = [self.config.image_hash, self.text_hash()]
        start = self.params.model.init_from
        more = [self.paths.root / start / WEIGHTS] if start else []
        return training_fingerprint(
            Path(__file__),
            [self.params.model_dump(), weights],
            [*(self.paths.annotations / name for name in TABLES), *more],
        )

    def provenance(self, best_step: int) -> dict[str, Any]:
        """Where the model comes from."""
        return {
            "stage": f"train_{self.task}",
            "parameters": self.params.model_dump(),
            "best_step": best_step,
            "image_encoder": {"name": self.config.image.name, "weights": self.config.image_hash},
            "text_model": {"name": self.params.model.text.name, "weights": self.text_hash()},
            "annotations": {name: hash_file(self.paths.annotations / name) for name in TABLES},
        }

    def text_hash(self) -> str:
        """Digest of the text model's weights."""
        text = self.params.model.text
        return resolve(TextEncoderParams(name=text.name, weights=text.weights), self.paths.root).digest


def build_model(params: AnyParams, task: str, root: Path) -> tuple[QuestionerModules, ModelConfig, Prompts]:
    """The model with pretrained encoders and fresh layers drawn from the training's seed, and its prompts.

    Raises UserError if an encoder's weights are missing.
    """
    limits, seed = params.samples, params.training.seed
    text, tokenizer = load_text_model(params.model.text, limits.max_tokens, root, seed)
    encoder = load_image_encoder(params.model.image, root)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        modules = QuestionerModules.build(encoder, params.model.train_image_encoder, text, params.region_prompt)
    config = ModelConfig(
        task=task,
        region_prompt=params.region_prompt,
        image=params.model.image,
        image_hash=encoder.weights_hash,
        image_trained=params.model.train_image_encoder,
        text=text.config,
        max_tokens=limits.max_tokens,
        max_answer_tokens=limits.max_answer_tokens,
    )
    return modules, config, Prompts(tokenizer, limits.max_tokens)


def size_of(samples: Samples) -> dict[str, Any]:
    """Number of images, questions and regions, and of what was too long."""
    return {
        "images": len(samples.keys),
        "questions": len(samples.questions.pieces),
        "regions": len(samples.regions.phrases),
        "too_long": samples.too_long,
    }
