"""Fine-tune the pre-trained model: go on with pre-training, then learn each downstream task and measure it.

1. `continued` (JADE): the pre-trained model goes on learning, from pairs, triplets or annotations, by all tasks.
2. Each of `tasks` starts from the result of 1 and learns one thing: answers, captions, or contrast.

Each training resumes by itself: a stage that was killed goes on in the training that was under way, and finds those
before it finished. Every model is a folder of its own below `models/finetuned/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from pipeline.core.files import hash_file, require_folder
from pipeline.core.settings import machine
from pipeline.core.stage import Paths
from pipeline.encoders.common.checkpoint import WEIGHTS
from pipeline.execution.process import CPU_THREADS, fixed_threads
from pipeline.questioner.data.dataset import Samples
from pipeline.questioner.data.image_inputs import ImageInputs, PixelStore, image_inputs, tars_of
from pipeline.questioner.data.mixture import DataSet, Mixture
from pipeline.questioner.data.params import Mixing
from pipeline.questioner.decoding.filter_model import FilterModel
from pipeline.questioner.decoding.pretrained import PretrainedModel
from pipeline.questioner.finetuning.params import (
    CONTINUED,
    ContinuedParams,
    DownstreamTask,
    FinetuneParams,
    TaskSampleParams,
)
from pipeline.questioner.finetuning.sources import read_source, require_task, samples_of_task, shards_of
from pipeline.questioner.model.build import Limits
from pipeline.questioner.model.checkpoint import PRETRAINED, LoadedModel, QuestionerModules, load_model, save_model
from pipeline.questioner.model.text_model import with_dropout
from pipeline.questioner.pretraining.objective import PretrainObjective, Tasks
from pipeline.questioner.pretraining.validate import HeldOutPairs, measure_captions, measure_retrieval
from pipeline.questioner.training.validate import HeldOut, measure_filter, most_frequent
from pipeline.training.checkpoint import training_fingerprint
from pipeline.training.history import History
from pipeline.training.loop import train
from pipeline.training.params import TrainingParams

STAGE = "finetune"
LEARNED = {"questions": {"answer": 1.0}, "captions": {"caption": 1.0}, "retrieval": {"contrastive": 1.0}}
"""Weights of the losses by downstream task."""


class Finetuning:
    """All trainings of one stage. Raises UserError for missing data, or if there is nothing to train on."""

    def __init__(self, params: FinetuneParams, paths: Paths) -> None:
        self.params, self.paths = params, paths
        self.inputs: dict[tuple[Path, tuple[str, ...]], ImageInputs] = {}

    @fixed_threads(CPU_THREADS)
    def run(self) -> dict[str, Any]:
        """Train and measure; write models, curves and held-out texts, and return the metrics by task."""
        start = require_folder(self.paths.pretrained, "dvc repro pretrain")
        (self.paths.results / "held_out").mkdir(parents=True, exist_ok=True)
        metrics: dict[str, Any] = {}
        if self.params.continued:
            metrics[CONTINUED] = self.go_on(self.params.continued, start)
            start = self.paths.finetuned / CONTINUED
        for task in self.params.tasks:
            metrics[task.name] = self.learn(task, start)
        return metrics

    def decisive(self, part: ContinuedParams | DownstreamTask) -> dict[str, Any]:
        """The parameters of one training: its own, and those that all of them share."""
        return self.params.model_dump(exclude={"continued", "tasks"}) | part.model_dump()

    def step(self, start: Path, name: str, samples: TaskSampleParams) -> Step:
        """One training. All trainings share the images' inputs: what is kept comes from the encoder's frozen part."""
        return Step(self.paths, start, name, samples, self.params, self.inputs)

    def go_on(self, params: ContinuedParams, start: Path) -> dict[str, Any]:
        """Pre-training that goes on; returns its metrics."""
        step = self.step(start, CONTINUED, params.samples)
        weights = {name: weight for name, weight in params.data.model_dump().items() if weight}
        train_sets = [step.data_set(name, "train", weight) for name, weight in weights.items()]
        validated = ["pairs"] * (params.data.pairs + params.data.triplets > 0)
        validated += ["annotations"] * (params.data.annotations > 0)
        val_sets = [step.data_set(name, "val") for name in validated]
        tasks = Tasks(params.weights.model_dump(), params.samples.masked_words_prob, self.params.temperature)
        train_mixture = step.mixture(train_sets, params.training, params.mixing)
        objective = step.objective(tasks, train_mixture, val_sets, params.images_while_training, params.training)
        history = step.train(objective, params.training, self.decisive(params))
        samples = {data.where: size_of(data.samples) for data in train_sets}
        return {"best_step": history.best_step, "samples": samples}

    def learn(self, task: DownstreamTask, start: Path) -> dict[str, Any]:
        """Fine-tune on one task and measure it; returns its metrics."""
        step = self.step(start, task.name, task.samples)
        train_set = step.task_set(task, task.train_on, "train", task.most)
        val_set = step.task_set(task, task.validate_on, "val", None)
        tasks = Tasks(LEARNED[task.task], task.samples.masked_words_prob, self.params.temperature)
        mixture = step.mixture([train_set], task.training)
        objective = step.objective(tasks, mixture, [val_set], task.validation.images_while_training, task.training)
        history = step.train(objective, task.training, self.decisive(task))
        found = step.measure(task, train_set, val_set)
        return {"validation": found, "best_step": history.best_step, "samples": size_of(train_set.samples)}


class Step:
    """One training that starts from the model in a folder, and writes one. `samples`: what it draws of an image.

    `inputs` are those of images that were needed before, by folder and keys; it adds its own.
    """

    def __init__(
        self,
        paths: Paths,
        start: Path,
        name: str,
        samples: TaskSampleParams,
        params: FinetuneParams,
        inputs: dict[tuple[Path, tuple[str, ...]], ImageInputs],
    ) -> None:
        self.paths, self.start, self.name = paths, start, name
        self.device = torch.device(machine().device)
        loaded = load_model(start, PRETRAINED, paths.root, params.train_image_encoder)
        self.prompts, self.image_lr_scale = loaded.prompts, params.image_learning_rate_scale
        self.modules = QuestionerModules(loaded.vision, loaded.questioner, loaded.contrast)
        text = loaded.questioner.text
        if params.dropout is not None:
            with_dropout(text, params.dropout)
        self.config = replace(loaded.config, text=text.config, max_answer_tokens=samples.max_answer_tokens)
        self.limits = Limits(self.config.max_tokens, samples.max_answer_tokens)
        self.samples = samples.sample_params(self.config.max_tokens)
        self.inputs = inputs
        self.files: list[Path] = [start / WEIGHTS]

    def data_set(self, source: str, split: str, weight: float = 1.0) -> DataSet:
        """The samples of a source, with the inputs of their images, which triplets share with their pairs."""
        shards = shards_of(source, self.paths)
        samples, files = read_source(source, split, shards, self.paths, self.prompts, self.limits)
        self.files += files
        place = (shards.folder, tuple(samples.keys))
        if place not in self.inputs:
            vision = self.modules.vision
            store = PixelStore(shards, samples.keys, vision.encoder.preprocessing)
            self.inputs[place] = image_inputs(vision, store, self.device)
        self.files += [tar for tar in tars_of(self.inputs[place]) if tar not in self.files]
        return DataSet(samples, self.inputs[place], f"{source}, split {split}", weight)

    def task_set(self, task: DownstreamTask, source: str, split: str, most: int | None) -> DataSet:
        """What a downstream task learns from, or is measured on. Raises UserError if the source has nothing for it."""
        data = self.data_set(source, split)
        seed = task.training.seed
        samples = samples_of_task(data.samples, task.task, most, seed, self.prompts, self.limits)
        require_task(samples, task.task, data.where, "finetune.tasks")
        return replace(data, samples=samples)

    def mixture(
        self, data_sets: Sequence[DataSet], training: TrainingParams, mixing: Mixing = "one_per_update"
    ) -> Mixture:
        """Data sets as the training draws from them."""
        return Mixture(data_sets, self.samples, training.batch_size, training.seed, mixing)

    def objective(
        self, tasks: Tasks, mixture: Mixture, val: Sequence[DataSet], val_images: int, training: TrainingParams
    ) -> PretrainObjective:
        """Model, losses and data of the training loop."""
        val_mixture = self.mixture(val, training)
        return PretrainObjective(
            self.modules, self.prompts, self.samples, tasks, mixture, val_mixture, val_images, self.image_lr_scale
        )

    def train(self, objective: PretrainObjective, training: TrainingParams, parameters: Mapping[str, Any]) -> History:
        """Train, and write the model with its curves; `parameters` are all that decide the result."""
        history = train(
            objective,
            training,
            name=f"{STAGE}-{self.name}",
            fingerprint=training_fingerprint(Path(__file__), [parameters, self.config.json()], self.files),
            scratch=self.paths.scratch,
            device=str(self.device),
        )
        history.write(self.paths.plots / self.name)
        provenance = {
            "stage": STAGE,
            "parameters": dict(parameters),
            "best_step": history.best_step,
            "start": hash_file(self.start / WEIGHTS),
            "image_encoder": {"name": self.config.image.name, "weights": self.config.image_hash},
        }
        folder = self.paths.finetuned / self.name
        save_model(folder, self.config, self.modules, self.prompts.tokenizer, provenance)
        return history

    def measure(self, task: DownstreamTask, train_set: DataSet, val_set: DataSet) -> dict[str, Any]:
        """Metrics on the first held-out images; what the model said goes to `held_out/<name>/`."""
        validation, samples = task.validation, val_set.samples
        most = min(validation.images or len(samples.keys), len(samples.keys))
        folder = self.paths.results / "held_out" / self.name
        shards = shards_of(task.validate_on, self.paths)
        modules = self.modules
        loaded = LoadedModel(self.config, modules.vision, modules.questioner, self.prompts, "", modules.contrast)
        loaded.to(str(self.device))
        if task.task == "questions":
            held_out = HeldOut(samples, val_set.images, shards.urls, most, validation.images_per_batch)
            return measure_filter(FilterModel(loaded), held_out, most_frequent(train_set.samples), folder)
        pairs = HeldOutPairs(samples, val_set.images, shards, most, validation.images_per_batch)
        model = PretrainedModel(loaded)
        measure = measure_captions if task.task == "captions" else measure_retrieval
        return measure(model, pairs, folder)


def size_of(samples: Samples) -> dict[str, int]:
    """Number of images, captions, questions and regions."""
    return {
        "images": len(samples.keys),
        "captions": len(samples.captions.pieces),
        "questions": len(samples.questions.pieces),
        "regions": len(samples.regions.phrases),
    }
