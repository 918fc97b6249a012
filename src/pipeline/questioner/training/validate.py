"""Measure a trained model on held-out annotations, and keep what it said of them.

The filter model answers every question. The generator answers every question, given its box and its region's caption,
and captions every box greedily. All of it goes batch by batch of images. Metrics are those of
`metrics/generated_texts.py`; the texts go to the held-out tables (`tables/held_out.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from pipeline.metrics.generated_texts import answer_metrics, caption_metrics
from pipeline.metrics.question_only import MostFrequentAnswer
from pipeline.questioner.data.dataset import Samples
from pipeline.questioner.data.image_inputs import ImageInputs, select_images
from pipeline.questioner.decoding.filter_model import FilterModel
from pipeline.questioner.decoding.generator import Encoded, Generator
from pipeline.questioner.decoding.params import SamplingParams
from pipeline.questioner.decoding.sampling import DecodedText
from pipeline.tables.held_out import HELD_OUT_ANSWERS, HELD_OUT_CAPTIONS

GREEDY = SamplingParams(seed=0, top_k=1)


class HeldOut:
    """The held-out images that are measured: the first `images` of a split, in batches; `urls` by key."""

    def __init__(
        self, samples: Samples, inputs: ImageInputs, urls: Mapping[str, str], images: int, images_per_batch: int
    ) -> None:
        self.samples, self.inputs, self.urls = samples, inputs, urls
        starts = range(0, images, images_per_batch)
        self.batches = [range(start, min(start + images_per_batch, images)) for start in starts]
        self.questions = samples.questions.table.slice(0, int(samples.questions.first[images]))
        self.regions = samples.regions.table.slice(0, int(samples.regions.first[images]))

    def question_batches(self) -> Iterator[tuple[range, range, list[int]]]:
        """The batches with a question: their images, their questions' rows, and each row's image in the batch."""
        first = self.samples.questions.first
        for images in self.batches:
            rows = rows_of(first, images)
            if rows:
                of_image = [rows_of(first, range(image, image + 1)) for image in images]
                yield images, rows, [number for number, asked in enumerate(of_image) for _ in asked]

    def encoded(self, model: Generator | FilterModel, images: range) -> Tensor:
        """The images after the model's image encoder (see `VisionTower.encode`)."""
        return model.vision.encode(select_images(self.inputs, list(images)).to(model.decoder.device))


def most_frequent(samples: Samples) -> MostFrequentAnswer:
    """The baseline that never sees an image, from the questions that were learned from."""
    names = ("question", "question_type", "answers")
    return MostFrequentAnswer(*(samples.questions.table[name].to_pylist() for name in names))


def measure_filter(model: FilterModel, held_out: HeldOut, baseline: MostFrequentAnswer, folder: Path) -> dict[str, Any]:
    """Metrics of the filter model's answers, which are written to `folder`."""
    answers = answer_questions(model, held_out)
    write_answers(held_out, answers, folder)
    return answer_metrics(held_out.questions.to_pylist(), answers, baseline)


def measure_generator(
    model: Generator, held_out: HeldOut, baseline: MostFrequentAnswer, folder: Path
) -> dict[str, Any]:
    """Metrics of the generator's captions and answers, which are written to `folder`."""
    answers = answer_boxed_questions(model, held_out)
    captions = caption_boxes(model, held_out)
    write_answers(held_out, answers, folder)
    HELD_OUT_CAPTIONS.write(
        folder / "captions.parquet", with_columns(held_out.regions, held_out.urls, caption=captions)
    )
    return {
        "captions": caption_metrics(held_out.regions.to_pylist(), captions),
        "answers": answer_metrics(held_out.questions.to_pylist(), answers, baseline),
    }


@torch.inference_mode()
def answer_questions(model: FilterModel, held_out: HeldOut) -> list[str]:
    """The filter model's answer to every question, in the order of the table."""
    questions, answers = held_out.samples.questions, []
    for images, rows, image_of_row in held_out.question_batches():
        pieces = [questions.pieces[row] for row in rows]
        generated = model.answers(held_out.encoded(model, images), pieces, image_of_row)
        answers += [answer.text for answer in generated]
    return answers


@torch.inference_mode()
def answer_boxed_questions(model: Generator, held_out: HeldOut) -> list[str]:
    """The generator's answer to every question, given its box and its region's caption, in the order of the table."""
    questions, answers = held_out.samples.questions, []
    for images, rows, image_of_row in held_out.question_batches():
        boxes = [questions.boxes[row].tolist() for row in rows]
        captions = [questions.caption(row) for row in rows]
        asked = [DecodedText(questions.pieces[row], [1.0], ended=True) for row in rows]
        cross = model.decoder.cross_keys_values(model.vision, held_out.encoded(model, images), image_of_row, boxes)
        generated = model.answers(cross, boxes, captions, asked, range(len(rows)), model.config.max_tokens)
        answers += [answer.text for answer in generated]
    return answers


@torch.inference_mode()
def caption_boxes(model: Generator, held_out: HeldOut) -> list[str]:
    """The generator's greedy caption of every annotated box, in the order of the table."""
    regions, captions = held_out.samples.regions, []
    sampling = GREEDY.model_copy(update={"max_tokens": model.config.max_tokens})
    for images in held_out.batches:
        boxes = [
            [regions.boxes[row].tolist() for row in rows_of(regions.first, range(image, image + 1))] for image in images
        ]
        encoded = Encoded(held_out.encoded(model, images))
        generated = model.describe(encoded, boxes, [str(image) for image in images], sampling)
        captions += [caption.text for of_image in generated for caption in of_image]
    return captions


def rows_of(first: np.ndarray, images: range) -> range:
    """The rows of some successive images; `first` as in `RegionSet`."""
    return range(int(first[images.start]), int(first[images.stop]))


def write_answers(held_out: HeldOut, answers: Sequence[str], folder: Path) -> None:
    """Write the questions with a model's answers as HELD_OUT_ANSWERS."""
    renamed = {"answers": "references"}
    names = [renamed.get(name, name) for name in held_out.questions.column_names]
    table = with_columns(held_out.questions.rename_columns(names), held_out.urls, answer=answers)
    HELD_OUT_ANSWERS.write(folder / "answers.parquet", table)


def with_columns(table: pa.Table, urls: Mapping[str, str], **texts: Sequence[str]) -> pa.Table:
    """A table with more columns of text, and each row's url."""
    columns = {"url": [urls[key] for key in table["key"].to_pylist()], **texts}
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values, pa.string()))
    return table
