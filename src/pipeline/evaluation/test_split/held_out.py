"""The split test as a model reads it, in batches of images that fit into memory.

Nothing is left out because it is long: the models read the beginning of a question that is too long for them (the
generator leaves room for an answer behind it), and what annotators answered counts whatever its length.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pipeline.core.settings import machine
from pipeline.evaluation.test_split.region_captions import AnnotatedBoxes
from pipeline.questioner.data.dataset import QuestionSet, Ragged, read_samples, samples_of_tables
from pipeline.questioner.data.image_inputs import PixelStore, image_inputs
from pipeline.questioner.decoding.filter_model import FilterModel
from pipeline.questioner.decoding.generator import Generator
from pipeline.questioner.model.build import Limits
from pipeline.questioner.training.validate import HeldOut, rows_of
from pipeline.storage.shards import BYTES_PER_PIXEL, ImageShards
from pipeline.tables.splits import TEST

UNLIMITED = Limits(sys.maxsize, sys.maxsize)
OPTION = "evaluate_data.images_per_batch"


@dataclass(frozen=True)
class MeasuredImages:
    """The test images as one model reads them; the regions of `held_out` are the distinct boxes."""

    held_out: HeldOut
    boxes: AnnotatedBoxes

    @staticmethod
    def read(
        annotations: Path, shards: ImageShards, model: Generator | FilterModel, images_per_batch: int
    ) -> MeasuredImages:
        """Read the split.

        Raises UserError if tables and images do not fit each other, or if a batch takes more memory than there is.
        """
        prompts, vision = model.prompts, model.vision
        everything = read_samples(annotations, shards, TEST, prompts, UNLIMITED)
        boxes = AnnotatedBoxes.of(everything.regions.table)
        samples = samples_of_tables(everything.keys, boxes.regions, everything.questions.table, prompts, UNLIMITED)
        if isinstance(model, Generator):
            samples = replace(samples, questions=cut(samples.questions, model.config.max_tokens - 2))
        store = PixelStore(shards, samples.keys, vision.encoder.preprocessing)
        held_out = HeldOut(samples, store, shards.urls, len(samples.keys), images_per_batch)
        require_memory(model, held_out)
        held_out.inputs = image_inputs(vision, store, torch.device(machine().device))
        return MeasuredImages(held_out, boxes)


def require_memory(model: Generator | FilterModel, held_out: HeldOut) -> None:
    """Raise UserError if a batch of answers or, of a generator, of captions takes more memory than there is."""
    samples, sees_boxes = held_out.samples, isinstance(model, Generator)
    pixels = BYTES_PER_PIXEL * model.vision.encoder.preprocessing.size**2
    for first in (samples.questions.first, *([samples.regions.first] if sees_boxes else [])):
        for images in held_out.batches:
            texts = len(rows_of(first, images))
            boxes = texts if sees_boxes else len(images)
            model.memory.require(len(images), boxes, texts, len(images) * pixels, OPTION)


def cut(questions: QuestionSet, longest: int) -> QuestionSet:
    """Questions with at most the first `longest` word pieces."""
    pieces = questions.pieces
    return replace(questions, pieces=Ragged.of([pieces[row][:longest] for row in range(len(pieces))]))
