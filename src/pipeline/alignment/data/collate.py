"""From samples to tensors: a crop, texts, regions and statements of each image, as tokens or pixels, and as ids.

Texts of a micro-batch are encoded once each, however often they occur, in chunks of similar length; everything else
refers to them by row. -1 stands for "none".
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import torch

from pipeline.alignment.data.box_pooling import box_weights, mirrored
from pipeline.alignment.data.dataset import TrainingSet
from pipeline.alignment.data.drawn_texts import draw_captions, draw_statements
from pipeline.alignment.data.sampler import Sample, Sampler
from pipeline.alignment.data.text_table import ImageTexts
from pipeline.alignment.inputs.text_ids import text_chunks
from pipeline.alignment.params import AlignParams

NONE = -1
MIRROR = 1
"""The crop that is the mirror image."""


class TextRows:
    """Gathers the distinct texts of a micro-batch; each is known by its number in order of first appearance."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}

    def add(self, texts: Sequence[str], size: int) -> np.ndarray:
        """The numbers of some texts [size], NONE behind them."""
        found = np.full(size, NONE)
        found[: len(texts)] = [self.texts.setdefault(text, len(self.texts)) for text in texts]
        return found


def text_number(text: str) -> int:
    """A number that is the same for equal texts, and not negative: 63 bits of a digest."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


class Collator:
    """Turns samples into a micro-batch. What a loss of weight 0 would need is not gathered."""

    def __init__(self, data: TrainingSet, params: AlignParams, sampler: Sampler) -> None:
        self._data, self._params, self._sampler = data, params, sampler

    def __call__(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """Tensors of a micro-batch of B samples.

        image [B, T, D], or pixels; group [B]; text [B, C]; and where their losses are on: teacher [B, Dt]; phrase
        [B, R] with region_weights [B, R, T]; right [B, Q] with wrong [B, Q, H]. Texts are rows of `chunks`, a list of
        (ids [N, L], mask [N, L]); `numbers` [rows] are equal for equal texts of any batch. `answers`, where they are
        trained on, is what `MaskedQuestions.batch` gives.
        """
        data, rows = self._data, TextRows()
        drawn = [self._draw(sample, rows) for sample in samples]
        images = [sample.image for sample in samples]
        micro: dict[str, Any] = {
            "image": data.images.get(images, [draw["crop"] for draw in drawn], [draw["rng"] for draw in drawn]),
            "group": data.groups[images].long(),
        }
        if data.teacher is not None:
            micro["teacher"] = data.teacher.get(images).float()
        if data.answers is not None:
            micro["answers"] = data.answers.batch([draw["answers"] for draw in drawn])
        texts = list(rows.texts)
        order, micro["chunks"] = text_chunks(data.tokenizer, texts)
        micro["numbers"] = torch.tensor([text_number(texts[index]) for index in order.tolist()])
        row_of = np.append(np.argsort(order), NONE)
        for name in ("text", "phrase", "right", "wrong"):
            if name in drawn[0]:
                micro[name] = torch.from_numpy(row_of[np.stack([draw[name] for draw in drawn])])
        if "region_weights" in drawn[0]:
            micro["region_weights"] = torch.from_numpy(np.stack([draw["region_weights"] for draw in drawn]))
        return micro

    def _draw(self, sample: Sample, rows: TextRows) -> dict[str, Any]:
        params, texts, rng = self._params, self._data.texts[sample.image], self._sampler.draws(sample)
        crop, number = int(rng.integers(self._data.images.crops(sample.image))), params.contrastive.texts_per_image
        captions = draw_captions(texts, number, params.contrastive, rng)
        drawn: dict[str, Any] = {"rng": rng, "crop": crop, "text": rows.add(captions, number)}
        if params.loss_weights.regions:
            # Random crops know no boxes, so the crop is the whole image or its mirror image.
            drawn |= self._regions(texts, crop == MIRROR, rng, rows)
        if params.loss_weights.questions:
            drawn |= self._questions(texts, rng, rows)
        if self._data.answers is not None:
            drawn["answers"] = self._data.answers.draw(texts, params.questions.per_image, rng)
        return drawn

    def _regions(
        self, texts: ImageTexts, mirror: bool, rng: np.random.Generator, rows: TextRows
    ) -> dict[str, np.ndarray]:
        number, data = self._params.regions.per_image, self._data
        chosen = rng.permutation(len(texts.phrases))[:number]
        weights = np.zeros((number, data.prefix + data.grid[0] * data.grid[1]), np.float32)
        if len(chosen):
            boxes = texts.boxes[chosen]
            weights[: len(chosen)] = box_weights(mirrored(boxes) if mirror else boxes, data.grid, data.prefix)
        phrases = rows.add([texts.phrases[index] for index in chosen.tolist()], number)
        return {"phrase": phrases, "region_weights": weights}

    def _questions(self, texts: ImageTexts, rng: np.random.Generator, rows: TextRows) -> dict[str, np.ndarray]:
        params, wrong = self._params.questions, self._data.wrong
        assert wrong is not None
        statements = draw_statements(texts, wrong, params, rng)
        copies = np.full((params.per_image, params.wrong_answers), NONE)
        for slot, (_, wrong_copies) in enumerate(statements):
            copies[slot] = rows.add(wrong_copies, params.wrong_answers)
        return {"right": rows.add([right for right, _ in statements], params.per_image), "wrong": copies}
