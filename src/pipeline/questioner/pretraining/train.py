"""Pre-train a model on `data/pairs/`, measure it, and write its folder.

A training builds the model, reads the pairs, fits the whitening of the image tokens (or takes over an earlier model),
trains, writes the model and its curves, and measures it on held-out pairs.
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
from pipeline.questioner.decoding.pretrained import PretrainedModel
from pipeline.questioner.model.build import Limits, build_model, text_model_hash
from pipeline.questioner.model.checkpoint import PRETRAINED, LoadedModel, load_weights, save_model
from pipeline.questioner.model.contrast import ContrastConfig
from pipeline.questioner.pretraining.objective import PretrainObjective, Tasks
from pipeline.questioner.pretraining.pairs import read_pairs
from pipeline.questioner.pretraining.params import PretrainParams
from pipeline.questioner.pretraining.validate import HeldOutPairs, measure_pretrained
from pipeline.questioner.training.dataset import Samples
from pipeline.questioner.training.image_inputs import PixelStore, image_inputs, tokens_for_whitening
from pipeline.questioner.training.mixture import DataSet, Mixture
from pipeline.storage.shards import MANIFEST_FILE, ImageShards
from pipeline.training.checkpoint import training_fingerprint
from pipeline.training.loop import train

STAGE = "pretrain"


class Pretraining:
    """One pre-training. Raises UserError for missing data or weights, or if there is nothing to train on."""

    @fixed_threads(CPU_THREADS)
    def __init__(self, params: PretrainParams, paths: Paths) -> None:
        self.params, self.paths = params, paths
        self.device = torch.device(machine().device)
        limits = Limits(params.samples.max_tokens, params.samples.max_tokens)
        contrast = ContrastConfig(params.contrast.width, params.contrast.token_wise)
        self.modules, self.config, self.prompts = build_model(
            params.model,
            params.region_prompt,
            limits,
            PRETRAINED,
            params.training.seed,
            paths.root,
            contrast if params.weights.contrastive else None,
        )
        self.shards = ImageShards(paths.pairs)
        self.train, self.val = self.read_split("train", limits), self.read_split("val", limits)
        encoder = self.modules.vision.encoder
        self.modules.questioner.whiten.fit(tokens_for_whitening(encoder, self.train.images, self.device))
        if params.model.init_from:
            load_weights(self.modules, paths.root / params.model.init_from)

    def read_split(self, name: str, limits: Limits) -> DataSet:
        """The samples of a split, with the inputs of their images."""
        samples = read_pairs(self.shards, name, self.prompts, limits)
        encoder = self.modules.vision.encoder
        store = PixelStore(self.shards, samples.keys, encoder.preprocessing)
        per_box = self.config.region_prompt == "mask_channel"
        return DataSet(samples, image_inputs(encoder, store, per_box, self.device), f"{self.paths.pairs}, split {name}")

    @fixed_threads(CPU_THREADS)
    def run(self) -> dict[str, Any]:
        """Train and measure; write model, curves and held-out captions, and return the metrics."""
        history = train(
            self.objective(),
            self.params.training,
            name=STAGE,
            fingerprint=self.fingerprint(),
            scratch=self.paths.scratch,
            device=str(self.device),
        )
        history.write(self.paths.plots)
        provenance = self.provenance(history.best_step)
        save_model(self.paths.pretrained, self.config, self.modules, self.prompts.tokenizer, provenance)
        return {
            "validation": self.measure(),
            "best_step": history.best_step,
            "samples": {"train": size_of(self.train.samples), "val": size_of(self.val.samples)},
            "parameters": sum(parameter.numel() for parameter in self.modules.parameters()),
        }

    def objective(self) -> PretrainObjective:
        """Model, losses and data of the training loop."""
        params, samples = self.params, self.params.samples.sample_params()
        size, seed = params.training.batch_size, params.training.seed
        train, val = (Mixture([split], samples, size, seed) for split in (self.train, self.val))
        return PretrainObjective(
            self.modules,
            self.prompts,
            samples,
            Tasks(params.weights.model_dump(), params.samples.masked_words_prob, params.contrast.temperature),
            train,
            val,
            params.validation.images_while_training,
            params.model.image_learning_rate_scale,
        )

    def measure(self) -> dict[str, Any]:
        """Metrics on the held-out pairs; the model's captions of them go to `held_out/`."""
        validation, samples = self.params.validation, self.val.samples
        most = min(validation.images or len(samples.keys), len(samples.keys))
        held_out = HeldOutPairs(samples, self.val.images, self.shards, most, validation.images_per_batch)
        modules = self.modules
        loaded = LoadedModel(self.config, modules.vision, modules.questioner, self.prompts, "", modules.contrast)
        model = PretrainedModel(loaded.to(str(self.device)))
        return measure_pretrained(model, held_out, self.paths.results / "held_out")

    def fingerprint(self) -> str:
        """Digest of what decides the result: code, parameters, weights, data."""
        start = self.params.model.init_from
        more = [self.paths.root / start / WEIGHTS] if start else []
        weights = [self.config.image_hash, text_model_hash(self.params.model.text, self.paths.root)]
        return training_fingerprint(
            Path(__file__), [self.params.model_dump(), weights], [self.paths.pairs / MANIFEST_FILE, *more]
        )

    def provenance(self, best_step: int) -> dict[str, Any]:
        """Where the model comes from."""
        text = self.params.model.text
        return {
            "stage": STAGE,
            "parameters": self.params.model_dump(),
            "best_step": best_step,
            "image_encoder": {"name": self.config.image.name, "weights": self.config.image_hash},
            "text_model": {"name": text.name, "weights": text_model_hash(text, self.paths.root)},
            "pairs": hash_file(self.paths.pairs / MANIFEST_FILE),
        }


def size_of(samples: Samples) -> dict[str, int]:
    """Number of images and captions, and of captions that were too long."""
    return {
        "images": len(samples.keys),
        "captions": len(samples.captions.pieces),
        "too_long": samples.too_long["captions"],
    }
