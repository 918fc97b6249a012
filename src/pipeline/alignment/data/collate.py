"""From samples to tensors: a crop, texts, regions and statements of each image, as tokens or as pixels and ids.

Texts of a micro-batch are encoded once each, however often they occur, in chunks of similar length; everything else
refers to them by row. -1 stands for "none".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.alignment.data.box_pooling import box_weights, mirrored
from pipeline.alignment.data.dataset import ImageEntry, TrainingSet
from pipeline.alignment.data.sampler import Sample, Sampler, choose_texts
from pipeline.alignment.params import AlignParams

NONE = -1
MIRROR = 1
"""The crop that is the mirror image."""
LENGTH_CHUNKS = 3


class Collator:
    """Turns samples into a micro-batch. What a loss of weight 0 would need is not gathered."""

    def __init__(self, data: TrainingSet, params: AlignParams, sampler: Sampler) -> None:
        self._data, self._params, self._sampler = data, params, sampler

    def __call__(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """Tensors of a micro-batch of B samples.

        image [B, T, D], or pixels; group [B]; text [B, C]; and where their losses are on: teacher [B, Dt]; phrase
        [B, R] with region_weights [B, R, T]; right [B, Q] with wrong [B, Q, H]. Texts are rows of `chunks`, a list of
        (tokens [N, L, D] or ids, mask [N, L]); `numbers` [rows] are the texts' numbers in the whole training set.
        `answers`, where they are trained on, is what `MaskedQuestions.batch` gives.
        """
        drawn = [self._draw(sample) for sample in samples]
        images = [sample.image for sample in samples]
        micro: dict[str, Any] = {
            "image": self._data.images.get(images, [draw["crop"] for draw in drawn], [draw["rng"] for draw in drawn]),
            "group": self._data.groups[images],
        }
        if self._data.teacher is not None:
            micro["teacher"] = self._data.teacher[images].float()
        if self._data.answers is not None:
            micro["answers"] = self._data.answers.batch([draw["answers"] for draw in drawn])
        names = [name for name in ("text", "phrase", "right", "wrong") if name in drawn[0]]
        texts = {name: np.stack([draw[name] for draw in drawn]) for name in names}
        numbers, rows = self._rows(texts)
        micro |= rows
        micro["numbers"] = torch.from_numpy(numbers)
        micro["chunks"] = [self._data.texts.get(part.tolist()) for part in split_lengths(numbers)]
        if "region_weights" in drawn[0]:
            micro["region_weights"] = torch.from_numpy(np.stack([draw["region_weights"] for draw in drawn]))
        return micro

    def _draw(self, sample: Sample) -> dict[str, Any]:
        params, entry, rng = self._params, self._data.entries[sample.image], self._sampler.draws(sample)
        crop = int(rng.integers(self._data.images.crops(sample.image)))
        number, synthetic = params.contrastive.texts_per_image, params.contrastive.synthetic_caption_prob
        texts = choose_texts(entry.captions, entry.synthetic, number, synthetic, rng)
        drawn: dict[str, Any] = {"rng": rng, "crop": crop, "text": np.array(texts)}
        if params.loss_weights.regions:
            # Random crops know no boxes, so the crop is the whole image or its mirror image.
            drawn |= self._regions(entry, crop == MIRROR, rng)
        if params.loss_weights.questions:
            drawn |= self._questions(entry, rng)
        if self._data.answers is not None:
            drawn["answers"] = self._data.answers.draw(sample.image, params.questions.per_image, rng)
        return drawn

    def _regions(self, entry: ImageEntry, mirror: bool, rng: np.random.Generator) -> dict[str, np.ndarray]:
        number = self._params.regions.per_image
        chosen = rng.permutation(len(entry.phrases))[:number]
        data = self._data
        weights = np.zeros((number, data.prefix + data.grid[0] * data.grid[1]), np.float32)
        phrases = np.full(number, NONE)
        if len(chosen):
            boxes = entry.boxes[chosen]
            weights[: len(chosen)] = box_weights(mirrored(boxes) if mirror else boxes, data.grid, data.prefix)
            phrases[: len(chosen)] = [entry.phrases[index] for index in chosen]
        return {"phrase": phrases, "region_weights": weights}

    def _questions(self, entry: ImageEntry, rng: np.random.Generator) -> dict[str, np.ndarray]:
        params = self._params.questions
        right = np.full(params.per_image, NONE)
        wrong = np.full((params.per_image, params.wrong_answers), NONE)
        for slot, index in enumerate(rng.permutation(len(entry.right))[: params.per_image]):
            right[slot] = entry.right[index]
            copies = entry.wrong[index][: params.wrong_answers]
            wrong[slot, : len(copies)] = copies
        return {"right": right, "wrong": wrong}

    def _rows(self, texts: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, Tensor]]:
        """Distinct texts, shortest first, and each table of numbers as rows among them."""
        distinct = np.unique(np.concatenate([table.ravel() for table in texts.values()]))
        distinct = distinct[distinct != NONE]
        numbers = distinct[np.argsort(self._data.texts.lengths[distinct], kind="stable")]
        row_of = np.full(len(self._data.texts.lengths) + 1, NONE)
        row_of[numbers] = np.arange(len(numbers))
        return numbers, {name: torch.from_numpy(row_of[table]) for name, table in texts.items()}


def split_lengths(numbers: np.ndarray) -> list[np.ndarray]:
    """Texts in order of length, in a few chunks, so that short ones are not padded to the longest."""
    return [part for part in np.array_split(numbers, LENGTH_CHUNKS) if len(part)]
