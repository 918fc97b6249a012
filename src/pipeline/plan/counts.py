"""How much work every stage of a preset has: units counted from the parameters and the number of images.

A training's samples are its updates times its batch, whatever the data. All else follows from the images. Left out is
what takes a small share: validation during trainings, the start of processes, tables and figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pipeline.alignment.params import AlignParams
from pipeline.core.errors import UserError
from pipeline.evaluation.finetuned.params import EvaluateFinetunedParams
from pipeline.questioner.data.image_inputs import LARGEST_IN_MEMORY
from pipeline.questioner.finetuning.params import FinetuneParams
from pipeline.training.params import TrainingParams
from pipeline.triplets.generate.grid import grid_boxes
from pipeline.triplets.generate.params import DetectorBoxes, GenerateParams, GridBoxes

PUBLISHED = {
    "cc3m": 2_905_954, "cc3m_val": 13_443, "flickr8k": 6_000, "flickr8k_val": 6_000,
    "vg": 108_077, "gqa": 72_140, "vqav2": 82_783, "entities": 6_000, "entities_judge": 6_000, "daquar": 795,
    "coco": 5_000, "flickr30k": 1_000, "vqav2_val": 40_504,
}  # fmt: skip
"""Images of the presets' sources, by their names, as their publishers count them."""
KEPT_QA, KEPT_DC = 31 / 160, 13 / 16
"""Share of question-answer pairs and of region captions that the filter keeps: CC3M-QA-DC's, as JADE published it."""
SAMPLES = "samples of updates"


@dataclass(frozen=True)
class Sizes:
    """Images: pairs to train and to validate on, annotated ones, and those of each benchmark."""

    train: int
    val: int
    annotated: int
    benchmarks: Mapping[str, int]

    @property
    def pairs(self) -> int:
        """All images of `data/pairs`."""
        return self.train + self.val


@dataclass(frozen=True)
class Work:
    """So many units of one part of the pipeline (a key of `calibrate`); None: no model runs. decoded: pictures."""

    stage: str
    part: str | None
    unit: str
    count: float
    decoded: float = 0


def sizes_of(sections: Mapping[str, Any], images: int | None) -> Sizes:
    """The images of a preset: those that it draws, else those of the sources that are known by their names.

    images: pairs to train on, in place of what is known. Raises UserError if neither says how many there are.
    """
    drawn, published = sections["draw_toyworld"], sections["fetch_pairs"].sources
    train, val = drawn.pairs, drawn.val_pairs
    annotated, benchmarks = drawn.annotated + drawn.vqa, sections["fetch_benchmarks"].benchmarks
    if not train:
        train, val = (sum(known(s) for s in published if s.split == split) for split in ("train", "val"))
        annotated = sum(known(source) for source in sections["fetch_annotations"].sources)
    if not (train := images or train):
        raise UserError(
            "How many pairs there are to train on is not known.",
            where="fetch_pairs.sources",
            expected=f"one of the sources {', '.join(PUBLISHED)}",
            found=", ".join(source.name for source in published),
            fix="say it: --images 100000",
        )
    return Sizes(train, val, annotated, {b.name: drawn.benchmark or known(b) for b in benchmarks})


def known(source: Any) -> int:
    """Images of a source by its name, or the part of them that it takes; 0 for an unknown one."""
    low, high = getattr(source, "share", None) or (0.0, 1.0)
    return round(PUBLISHED.get(source.name, 0) * (high - low))


def count_work(sections: Mapping[str, BaseModel], sizes: Sizes) -> list[Work]:
    """The work of all stages, in the order of the chain."""
    params: Mapping[str, Any] = sections
    embedded = sum(sizes.benchmarks.values())
    asked = sizes.train + (sizes.val if params["generate"].val_split else 0)
    work = [
        Work("draw_toyworld", None, "scenes", params["draw_toyworld"].pairs),
        Work("fetch_pairs", "store", "pictures", sizes.pairs),
        Work("fetch_annotations", "store", "pictures", sizes.annotated),
        Work("fetch_benchmarks", "store", "pictures", embedded),
        Work("embed_teacher", "teacher", "pictures", sizes.pairs, sizes.pairs),
        questioner_updates("pretrain", params["pretrain"], sizes.pairs),
        questioner_updates("train_generator", params["train_generator"], sizes.annotated),
        questioner_updates("train_filter", params["train_filter"], sizes.annotated),
    ]
    if isinstance(params["generate"].boxes, DetectorBoxes):
        work.append(Work("generate", "detector", "pictures", asked, asked))
    return [
        *work,
        Work("generate", "generate", "pictures", asked, asked),
        Work("filter", "filter", "pictures", asked, asked),
        *align_work(params["align"], sizes),
        *finetune_work(params["finetune"]),
        *score_work(params["evaluate_finetuned"], sizes),
        Work("evaluate", "align_image", "pictures", embedded, embedded),
        Work("evaluate", "align_text", "texts", 5 * embedded),
        Work("evaluate_data", None, "judged pictures", min(params["evaluate_data"].judged_images or asked, asked)),
        Work("report", None, "page", 1),
    ]


def samples(training: TrainingParams) -> int:
    """Samples that a training sees."""
    return training.steps * training.batch_size


def questioner_updates(stage: str, params: Any, images: int) -> Work:
    """A training of the questioner's model; its pictures are decoded once if they fit into memory, else every time."""
    side, seen = params.model.image.image_size or 224, samples(params.training)
    kept = images * side * side * 3 <= LARGEST_IN_MEMORY
    return Work(stage, stage, SAMPLES, seen, min(images, seen) if kept else seen)


def boxes_per_image(params: GenerateParams) -> int:
    """Boxes of an image, at most."""
    return len(grid_boxes(params.boxes)) if isinstance(params.boxes, GridBoxes) else params.boxes.top_n


def pairs_per_image(params: GenerateParams) -> int:
    """Generated question-answer pairs of an image, at most."""
    return boxes_per_image(params) * sum(params.question_types.values()) + params.caption_questions


def align_work(align: AlignParams, sizes: Sizes) -> list[Work]:
    """Tokens that are stored first, if any, and the updates."""
    features, trained, seen = align.features, align.train_encoders, samples(align.training)
    crops = (2 if features.hflip else 1) + (features.cached_crops or 0)
    stored = trained.image != "all" and (features.cached_crops or not features.crop_scale)
    work = [Work("align", "align", SAMPLES, seen, 0 if stored else seen)]
    if stored:
        work.insert(0, Work("align", "align_image", "crops of pictures", sizes.train * crops + sizes.val, sizes.pairs))
    return work


def finetune_work(params: FinetuneParams) -> list[Work]:
    """Pre-training that goes on, and the tasks; each costs what the earlier training of its kind does."""
    goes_on = [samples(params.continued.training)] if params.continued else []
    parts = {"questions": "train_filter", "captions": "pretrain", "retrieval": "pretrain"}
    work = [Work("finetune", "pretrain", SAMPLES, count, count) for count in goes_on]
    for task in params.tasks:
        count = samples(task.training)
        work.append(Work("finetune", parts[task.task], SAMPLES, count, count))
    return work


def score_work(params: EvaluateFinetunedParams, sizes: Sizes) -> list[Work]:
    """The scores: an image that is answered or captioned costs at most what it does in `filter`.

    Re-ranking reads `candidates` pairs for each image and each of its five captions, forwards: a third of an update.
    """
    work = []
    for score in params.scores:
        images = sizes.benchmarks.get(score.source.removeprefix("benchmarks/"), sizes.val)
        work.append(Work("evaluate_finetuned", "filter", "pictures", images, images))
        if score.task == "retrieval" and score.rerank:
            pairs = score.rerank.candidates * 6 * images
            work.append(Work("evaluate_finetuned", "pretrain", SAMPLES, pairs / 3))
    return work
