"""A fine-tuned model, and what it is measured on.

Unlike a validation during training, a score leaves nothing out because it is long: the model reads the beginning of a
question or caption that is too long for it, and the answer to a question counts whatever its length.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from pydantic import ValidationError

from pipeline.core.errors import UserError
from pipeline.core.files import read_json, require_folder
from pipeline.core.settings import machine
from pipeline.core.stage import Paths
from pipeline.encoders.common.digests import PROVENANCE
from pipeline.metrics.question_only import MostFrequentAnswer
from pipeline.questioner.data.dataset import CaptionSet, Ragged, Samples
from pipeline.questioner.data.image_inputs import ImageInputs, PixelStore, image_inputs
from pipeline.questioner.finetuning.params import DownstreamTask
from pipeline.questioner.finetuning.sources import read_source, require_task, samples_of_task, shards_of
from pipeline.questioner.model.build import Limits
from pipeline.questioner.model.checkpoint import PRETRAINED, LoadedModel, load_model
from pipeline.questioner.pretraining.validate import HeldOutPairs
from pipeline.questioner.training.validate import HeldOut, most_frequent
from pipeline.storage.shards import ImageShards

UNLIMITED = Limits(sys.maxsize, sys.maxsize)


@dataclass(frozen=True)
class Measured:
    """What a model is measured on: samples with their images' inputs, and the shards that hold the images."""

    samples: Samples
    images: ImageInputs
    shards: ImageShards

    def questions(self, images_per_batch: int) -> HeldOut:
        """All of it as questions."""
        return HeldOut(self.samples, self.images, self.shards.urls, len(self.samples.keys), images_per_batch)

    def pairs(self, images_per_batch: int) -> HeldOutPairs:
        """All of it as pairs."""
        return HeldOutPairs(self.samples, self.images, self.shards, len(self.samples.keys), images_per_batch)


def finetuned_folder(name: str, paths: Paths) -> Path:
    """The folder of a model of `finetune`. Raises UserError if there is none of this name."""
    folders = require_folder(paths.finetuned, "finetune")
    if not (folders / name).is_dir():
        raise UserError(
            "There is no fine-tuned model of this name.",
            where=folders,
            expected=f"one of {', '.join(sorted(path.name for path in folders.iterdir()))}",
            found=name,
            fix="name another one in evaluate_finetuned.scores, or add the task to finetune.tasks",
        )
    return folders / name


def finetuned_model(name: str, paths: Paths) -> LoadedModel:
    """A model of `finetune`, on the machine's device. Raises UserError as `finetuned_folder` does."""
    return load_model(finetuned_folder(name, paths), PRETRAINED, paths.root).to(machine().device)


def read_measured(source: str, task: str, model: LoadedModel, paths: Paths) -> Measured:
    """A source as a model reads it. Raises UserError if it is missing, or has nothing for the task."""
    shards = shards_of(source, paths)
    everything, _ = read_source(source, "val", shards, paths, model.prompts, UNLIMITED)
    samples = samples_of_task(everything, task, None, 0, model.prompts, UNLIMITED)
    require_task(samples, task, shards.folder, "evaluate_finetuned.scores")
    samples = replace(samples, captions=cut(samples.captions, model.config.max_tokens))
    vision = model.vision
    store = PixelStore(shards, samples.keys, vision.encoder.preprocessing)
    return Measured(samples, image_inputs(vision, store, torch.device(machine().device)), shards)


def cut(captions: CaptionSet, longest: int) -> CaptionSet:
    """Captions with at most the first `longest` word pieces."""
    pieces = captions.pieces
    return replace(captions, pieces=Ragged.of([pieces[row][:longest] for row in range(len(pieces))]))


def learned_answers(name: str, model: LoadedModel, paths: Paths) -> MostFrequentAnswer:
    """The baseline that never sees an image, from the questions that a model was fine-tuned on.

    Raises UserError if it was not fine-tuned on questions, or its training data is no longer there.
    """
    task = learned_task(finetuned_folder(name, paths))
    limits = Limits(model.config.max_tokens, model.config.max_answer_tokens)
    shards = shards_of(task.train_on, paths)
    everything, _ = read_source(task.train_on, "train", shards, paths, model.prompts, limits)
    return most_frequent(samples_of_task(everything, task.task, task.most, task.training.seed, model.prompts, limits))


def learned_task(folder: Path) -> DownstreamTask:
    """The task of questions that the model in `folder` was fine-tuned on. Raises UserError if there was none."""
    path = folder / PROVENANCE
    parameters = read_json(path).get("parameters", {})
    try:
        task = DownstreamTask.model_validate({key: parameters.get(key) for key in DownstreamTask.model_fields})
    except ValidationError:
        task = None
    if task is None or task.task != "questions":
        raise UserError(
            "Questions are asked of a model that was not fine-tuned on questions.",
            where=path,
            expected="parameters of a task questions",
            found=task.task if task else "no task of finetune.tasks",
            fix="name another model in evaluate_finetuned.scores",
        )
    return task
