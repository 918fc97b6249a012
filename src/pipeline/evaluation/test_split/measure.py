"""Measure generator and filter model on the split test, whose photographs no training, validation or judge reads.

1. The generator captions every annotated box greedily (`region_captions`); beside it stands the baseline that knows the
   box alone (`blind_captions`).
2. Generator and filter model answer every question, as after their trainings (`questioner/training/validate.py`).

`images_among_pairs` counts the test images that are among the pairs too, by equal bytes or the same url. Of these the
models may have learned the captions in their pre-training; for a clean measurement it is 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.files import require_folder
from pipeline.core.stage import Paths
from pipeline.evaluation.annotation_judge.held_back import pairs_of_photographs
from pipeline.evaluation.data_quality.params import EvaluateDataParams
from pipeline.evaluation.test_split.answers import metrics_by_source, most_frequent_answer
from pipeline.evaluation.test_split.blind_captions import BlindCaptioner
from pipeline.evaluation.test_split.held_out import MeasuredImages
from pipeline.evaluation.test_split.region_captions import (
    AnnotatedBoxes,
    head_noun_verdicts,
    region_caption_metrics,
)
from pipeline.evaluation.test_split.rows import AnnotatedRows
from pipeline.execution.process import CPU_THREADS, fixed_threads
from pipeline.metrics.question_only import MostFrequentAnswer
from pipeline.questioner.decoding.filter_model import FilterModel
from pipeline.questioner.decoding.generator import Generator
from pipeline.questioner.training.validate import (
    HeldOut,
    answer_boxed_questions,
    answer_questions,
    caption_boxes,
    write_answers,
)
from pipeline.storage.shards import ImageShards
from pipeline.tables.described_boxes import DESCRIBED_BOXES
from pipeline.tables.splits import TEST, TRAIN


class FinalEvaluation:
    """All figures about the split test, which has regions or questions.

    Raises UserError if a model is missing or does not fit, if a batch takes more memory than there is, or if tables and
    images do not fit each other.
    """

    def __init__(self, params: EvaluateDataParams, paths: Paths, rows: AnnotatedRows) -> None:
        self.params, self.paths, self.rows = params, paths, rows
        self.details = paths.results / "details" / "test"
        self.shards = ImageShards(paths.annotations)
        self.train = AnnotatedRows.read(paths.annotations, TRAIN)

    @fixed_threads(CPU_THREADS)
    def run(self) -> dict[str, Any]:
        """The metrics; captions and answers go to `details/test/<model>/`."""
        generator = Generator.load(require_folder(self.paths.generator, "train_generator"))
        filter_model = self.filter_model()
        baseline = most_frequent_answer(self.train.questions)
        metrics = {**self.counts(), **self.of_generator(generator, baseline)}
        if filter_model:
            metrics["filter_answers"] = self.of_filter_model(filter_model, baseline)
        return metrics

    def filter_model(self) -> FilterModel | None:
        """The filter model, if there is a question for it."""
        if not self.rows.questions.num_rows:
            return None
        return FilterModel.load(require_folder(self.paths.filter_model, "train_filter"))

    def counts(self) -> dict[str, int]:
        """Number of test images, and how many of them the pairs have too."""
        images = self.shards.manifest.filter(pc.field("split") == TEST)
        names = pairs_of_photographs(images, ImageShards(self.paths.pairs).manifest)
        return {"images": images.num_rows, "images_among_pairs": sum(map(bool, names.values()))}

    def of_generator(self, model: Generator, baseline: MostFrequentAnswer) -> dict[str, Any]:
        """Metrics of the generator's captions and answers."""
        images = self.read(model)
        metrics: dict[str, Any] = {}
        if images.boxes.phrases:
            captions = caption_boxes(model, images.held_out)
            guesses = self.blind_captions(images.boxes)
            write_captions(images, captions, guesses, self.details / "generator")
            metrics["region_captions"] = region_caption_metrics(captions, images.boxes.phrases)
            if guesses:
                metrics["region_captions_blind"] = region_caption_metrics(guesses, images.boxes.phrases)
        if images.held_out.questions.num_rows:
            answers = answer_boxed_questions(model, images.held_out)
            write_answers(images.held_out, answers, self.details / "generator")
            metrics["generator_answers"] = answered(images.held_out, answers, baseline)
        return metrics

    def of_filter_model(self, model: FilterModel, baseline: MostFrequentAnswer) -> dict[str, Any]:
        """Metrics of the filter model's answers."""
        held_out = self.read(model).held_out
        answers = answer_questions(model, held_out)
        write_answers(held_out, answers, self.details / "filter")
        return answered(held_out, answers, baseline)

    def read(self, model: Generator | FilterModel) -> MeasuredImages:
        """The test images as a model reads them. Raises UserError if a batch takes more memory than there is."""
        return MeasuredImages.read(self.paths.annotations, self.shards, model, self.params.images_per_batch)

    def blind_captions(self, boxes: AnnotatedBoxes) -> list[str]:
        """The baseline's caption of each box; none if there is no training region."""
        train = self.train.regions
        if not train.num_rows:
            return []
        blind = BlindCaptioner(train["box"].to_pylist(), train["phrase"].to_pylist())
        return [blind.caption(box) for box in boxes.regions["box"].to_pylist()]


def answered(held_out: HeldOut, answers: list[str], baseline: MostFrequentAnswer) -> dict[str, Any]:
    """Metrics of one model's answers."""
    return metrics_by_source(held_out.questions.to_pylist(), answers, baseline)


def write_captions(images: MeasuredImages, captions: list[str], guesses: list[str], folder: Path) -> None:
    """Write the boxes with both captions as DESCRIBED_BOXES; guesses: may be empty."""
    boxes, urls, count = images.boxes, images.held_out.urls, len(captions)
    keys = boxes.regions["key"].to_pylist()
    table = pa.table(
        {
            "key": keys,
            "url": [urls[key] for key in keys],
            "region_id": boxes.regions["region_id"],
            "box": boxes.regions["box"],
            "phrases": boxes.phrases,
            "caption": captions,
            "head_noun": pa.array(head_noun_verdicts(captions, boxes.phrases), pa.bool_()),
            "blind_caption": guesses or pa.nulls(count, pa.string()),
            "blind_head_noun": head_noun_verdicts(guesses, boxes.phrases) if guesses else pa.nulls(count, pa.bool_()),
        }
    )
    DESCRIBED_BOXES.write(folder / "captions.parquet", table)
