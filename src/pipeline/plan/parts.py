"""Every part of the pipeline that takes time, built at the preset's size with random weights, one after the other.

The models are those that the stages build, on a few sample images (`sample_data.py`) below a temporary folder. A text
encoder of the hub that is not on this machine is replaced by one of BERT base's shape; a line says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from pipeline.alignment.inputs.image_input import CachedInput, Tokens
from pipeline.alignment.inputs.text_ids import text_chunks
from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.build_dataset import load_encoders, values_per_crop
from pipeline.alignment.training.train import assemble
from pipeline.core.settings import machine
from pipeline.core.stage import Paths
from pipeline.execution.precision import autocast
from pipeline.execution.process import CPU_THREADS
from pipeline.fetch.packing.image_format import stored_image
from pipeline.plan import sample_data
from pipeline.plan.calibrate import Part
from pipeline.plan.counts import boxes_per_image, pairs_per_image
from pipeline.plan.fixed_lengths import FixedLengths
from pipeline.questioner.decoding.batch_memory import BatchMemory
from pipeline.questioner.decoding.filter_model import FilterModel
from pipeline.questioner.decoding.generator import Generator
from pipeline.questioner.model.checkpoint import LoadedModel
from pipeline.questioner.pretraining.train import Pretraining
from pipeline.questioner.training.model_training import ModelTraining
from pipeline.questioner.training.train import QuestionerTraining
from pipeline.storage.images import decode_image
from pipeline.teacher.step import TeacherStep
from pipeline.teacher.table import write_teacher
from pipeline.training.batches.grad_cache import backward
from pipeline.training.distributed import World
from pipeline.training.objective import Objective
from pipeline.training.params import TrainingParams
from pipeline.triplets.generate.detector import Detector
from pipeline.triplets.generate.params import DetectorBoxes
from pipeline.triplets.generate.step import generate_rows

ROW_GENERATED, ROW_FILTERED, ROW_CAPTION = 29, 36, 41
"""Bytes of a row on disk: a question-answer pair before and after the filter, a region caption; measured on tables of
random words that are distributed as English ones are (Zipf), seven a question and five a caption."""


@dataclass(frozen=True)
class Parts:
    """The parts by name, for the parameters `sections`, whose weights are random; `exact`: in their own precision.

    Without `exact` a CPU computes in float32, as many have no fast bfloat16; only operations are then to be believed.
    """

    sections: Mapping[str, Any]
    paths: Paths
    device: torch.device
    exact: bool

    def __iter__(self) -> Iterator[tuple[str, Part]]:
        yield from self.on_a_core()
        yield "teacher", self.teacher()
        yield "pretrain", self.training(Pretraining(self.given("pretrain"), self.paths))
        yield from self.generator()
        yield from self.filter()
        yield from self.align()

    def given(self, stage: str) -> Any:
        """The parameters of a stage that trains."""
        params = self.sections[stage]
        if self.exact:
            return params
        return params.model_copy(update={"training": params.training.model_copy(update={"precision": "float32"})})

    def on_a_core(self) -> Iterator[tuple[str, Part]]:
        """What needs no model: storing and decoding pictures."""
        jpegs = [sample_data.photograph(np.random.default_rng(number)) for number in range(8)]
        image_format = self.sections["fetch_pairs"].image_format
        yield "store", Part(range, lambda n: [self.store(jpegs[i % 8], image_format) for i in n])
        yield "decode", Part(range, lambda n: [decode_image(jpegs[i % 8], "") for i in n])

    @staticmethod
    def store(data: bytes, image_format: Any) -> None:
        """Encode a picture again if it is too large, and look at it."""
        decode_image(stored_image(data, image_format, "").data, "")

    def teacher(self) -> Part:
        """The teacher; writes its table of the sample images."""
        step = BareTeacher(self.sections["embed_teacher"], self.paths.root)
        step.setup()
        width = step.embed(step.pixels(1)).shape[1]
        for split, count in (("train", sample_data.IMAGES), ("val", 2)):
            embeddings = np.random.default_rng(count).random((count, width), np.float32)
            embeddings /= embeddings.sum(axis=1, keepdims=True)
            keys = [f"{split}{number}" for number in range(count)]
            write_teacher(self.paths.teacher / f"{split}-00000.parquet", keys, embeddings, step.provenance())
        params = step.params
        return Part(
            step.pixels,
            step.embed,
            step.models(),
            params.images_per_batch,
            precision=params.precision,
            stored=2 * width,
        )

    def training(self, training: ModelTraining) -> Part:
        """The updates of a training of the questioner's model."""
        objective = training.objective().to(self.device)
        return self.updates(objective, training.params.training, self.sections[training.stage].training.precision)

    def updates(self, objective: Objective, params: TrainingParams, precision: Any) -> Part:
        """The samples of a training's updates, forwards and backwards; the optimiser's own time is left out.

        Where a batch is split into micro-batches, it is split here, as gradient caching then runs forwards twice.
        """
        micro = params.micro_batch_size or params.batch_size
        halves = 2 if micro < params.batch_size else 1
        bytes_each = 4 if self.exact or precision == "float32" else 2

        def prepare(count: int) -> list[Any]:
            items, size = objective.batch(0)[:count], -(-count // halves)
            return [objective.collate(items[start : start + size], 0) for start in range(0, count, size)]

        def run(micros: list[Any]) -> None:
            objective.train()
            backward(objective, micros, 0, params, World(), self.device)
            objective.zero_grad()

        return Part(
            prepare, run, [objective], halves * micro, 2, precision, CPU_THREADS, kept_for=micro * bytes_each // 4
        )

    def generator(self) -> Iterator[tuple[str, Part]]:
        """The training of the generator, its detector, and the generator at work."""
        params = self.sections["generate"]
        if isinstance(params.boxes, DetectorBoxes):
            yield "detector", self.detector(params)
        training = QuestionerTraining(self.given("train_generator"), self.paths)
        yield "train_generator", self.training(training)
        generator = Generator(self.loaded(training), params.precision if self.exact else "float32")
        generator.decoder = FixedLengths(generator.decoder.questioner, generator.prompts, generator.decoder.precision)
        boxes, pairs, batch = boxes_per_image(params), pairs_per_image(params), params.images_per_batch
        stored = ROW_GENERATED * pairs + ROW_CAPTION * boxes

        def run(images: list[Image.Image]) -> None:
            keys = [str(number) for number in range(len(images))]
            generate_rows(generator, images, keys, [[sample_data.BOX] * boxes] * len(images), {}, params)

        held = self.held(generator.memory, params.precision, batch, boxes * batch, pairs * batch)
        models = [generator.vision, generator.vision.encoder, generator.decoder.questioner]
        yield "generate", Part(pictures, run, models, batch, precision=params.precision, stored=stored, held=held)

    def filter(self) -> Iterator[tuple[str, Part]]:
        """The training of the filter model, and the filter model at work, which answers every generated question."""
        generate, second = self.sections["generate"], self.sections["filter"].second_answer
        training = QuestionerTraining(self.given("train_filter"), self.paths)
        yield "train_filter", self.training(training)
        answerer = FilterModel(self.loaded(training), second.precision if self.exact else "float32")
        answerer.decoder = FixedLengths(answerer.decoder.questioner, answerer.prompts, answerer.decoder.precision)
        pairs, batch = pairs_per_image(generate), second.images_per_batch
        stored = ROW_FILTERED * pairs + ROW_CAPTION * boxes_per_image(generate)
        questions = ["what color is the square on top?"] * pairs

        def run(images: list[Image.Image]) -> None:
            answerer.answer(images, [questions] * len(images))

        held = self.held(answerer.memory, second.precision, batch, batch, pairs * batch)
        models = [answerer.vision, answerer.vision.encoder, answerer.decoder.questioner]
        yield "filter", Part(pictures, run, models, batch, precision=second.precision, stored=stored, held=held)

    def held(self, memory: BatchMemory, precision: str, images: int, boxes: int, texts: int) -> float:
        """Bytes of a batch on the device, by what the stage itself asks before it begins."""
        size = images * memory.image + boxes * memory.box + texts * memory.text
        return size if self.exact or precision == "float32" else size / 2

    def loaded(self, training: ModelTraining) -> LoadedModel:
        """The model of a training, as the stages load it."""
        modules = training.modules
        model = LoadedModel(training.config, modules.vision, modules.questioner, training.prompts, "")
        return model.to(str(self.device))

    def detector(self, params: Any) -> Part:
        """The detector."""
        from torchvision.models import detection

        boxes = params.boxes
        limits = {"box_score_thresh": boxes.min_score, "box_detections_per_img": boxes.top_n}
        model = getattr(detection, boxes.model)(weights=None, weights_backbone=None, **limits)
        return Part(pictures, Detector(model, str(self.device)).find, [model], params.images_per_batch)

    def align(self) -> Iterator[tuple[str, Part]]:
        """Both encoders where their tokens are stored, and the updates."""
        params: AlignParams = self.given("align")
        encoders = load_encoders(params, self.paths.root)
        image, text = encoders.image, encoders.text.to(self.device)
        cut = encoders.image_input if isinstance(encoders.image_input, CachedInput) else Tokens()
        stored = 2 * values_per_crop(image, cut, params.features.image_grid)
        image.to(self.device)
        side, batch = image.preprocessing.size, params.features.images_per_batch
        precision = params.training.precision

        def encode_images(pixels: torch.Tensor) -> None:
            with torch.inference_mode(), autocast(precision, self.device):
                cut.before_cut(image, pixels.to(self.device), params.features.image_grid)

        def encode_texts(texts: list[str]) -> None:
            for ids, mask in text_chunks(text.encoder, texts)[1]:
                with torch.inference_mode(), autocast(precision, self.device):
                    text(ids.to(self.device), mask.long().to(self.device))

        pixels, texts = partial(pixels_of, side), [sample_data.caption(number) for number in range(36)]
        yield "align_image", Part(pixels, encode_images, [image], batch, precision=precision, stored=stored)
        yield "align_text", Part(lambda count: (texts * (count // 36 + 1))[:count], encode_texts, [text])
        objective = assemble(params, self.paths).objective.to(self.device)
        yield "align", self.updates(objective, params.training, self.sections["align"].training.precision)


class BareTeacher(TeacherStep):
    """The teacher on pixels in memory."""

    def pixels(self, count: int) -> torch.Tensor:
        """Random pixels [count, 3, S, S]."""
        assert self._encoder is not None
        return pixels_of(self._encoder.preprocessing.size, count)

    def embed(self, pixels: torch.Tensor) -> np.ndarray:
        """One vector per image."""
        assert self._encoder is not None
        with torch.inference_mode():
            return self._pooled(self._encoder, pixels.to(machine().device)).float().cpu().numpy()

    def models(self) -> list[nn.Module]:
        """The encoder."""
        assert self._encoder is not None
        return [self._encoder]


def pixels_of(side: int, count: int) -> torch.Tensor:
    """Random pixels [count, 3, side, side]."""
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def pictures(count: int) -> list[Image.Image]:
    """Decoded pictures of the size of stored ones."""
    return [decode_image(sample_data.photograph(np.random.default_rng(number % 8)), "") for number in range(count)]
