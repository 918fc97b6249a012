"""The filter model: answers a question about the whole image (VALOR's VQA task), greedily."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pipeline.core.parameters.bounds import Precision
from pipeline.core.settings import machine
from pipeline.questioner.decoding.batch_memory import BatchMemory
from pipeline.questioner.decoding.generated import UNFINISHED, Generated, regroup
from pipeline.questioner.decoding.tasks import Decoder, DecoderInput
from pipeline.questioner.model.checkpoint import FILTER, LoadedModel, load_model
from pipeline.storage.boxes import FULL_IMAGE


class FilterModel:
    """A trained filter model.

    `weights_hash` is a digest of all that decides its answers besides the images and the precision of its passes.
    """

    def __init__(self, loaded: LoadedModel, precision: Precision = "float32") -> None:
        self.weights_hash = loaded.weights_hash
        self.config, self.vision, self.prompts = loaded.config, loaded.vision, loaded.prompts
        self.decoder = Decoder(loaded.questioner, loaded.prompts, precision)

    @cached_property
    def memory(self) -> BatchMemory:
        """How much memory a batch takes."""
        return BatchMemory.of(self.decoder, self.vision, self.prompts.question_prompt([]))

    @classmethod
    def load(cls, folder: Path, precision: Precision = "float32") -> FilterModel:
        """Read a model folder, to the machine's device. Raises UserError if it does not hold a filter model."""
        return cls(load_model(folder, FILTER).to(machine().device), precision)

    @torch.inference_mode()
    def answer(self, images: Sequence[Image.Image], questions: Sequence[Sequence[str]]) -> list[list[Generated]]:
        """An answer to each question; `questions[i]` are about image i. One call is one batch."""
        counts = [len(of_image) for of_image in questions]
        if not sum(counts):
            return [[] for _ in questions]
        pixels = np.stack([self.vision.encoder.preprocessing.pixels(image) for image in images])
        encoded = self.decoder.encode(self.vision, pixels)
        pieces = self.prompts.pieces([text for of_image in questions for text in of_image])
        image_of_row = [image for image, of_image in enumerate(questions) for _ in of_image]
        return regroup(self.answers(encoded, pieces, image_of_row), counts)

    def answers(
        self, encoded: Tensor, questions: Sequence[Sequence[int]], image_of_row: Sequence[int]
    ) -> list[Generated]:
        """An answer to each question (word pieces) about its image, in the order of the images.

        The confidence is the mean probability of the answer's words.
        """
        boxes = [FULL_IMAGE] * len(encoded)
        cross = self.decoder.cross_keys_values(self.vision, encoded, range(len(encoded)), boxes)
        prompts = [self.prompts.question_prompt(question) for question in questions]
        starts = [[self.prompts.tokenizer.cls]] * len(prompts)
        given = DecoderInput(cross, prompts, image_of_row, range(len(prompts)), starts)
        texts = self.decoder.answers(given, self.config.max_answer_tokens)
        return [
            Generated(self.prompts.text(text.words), float(np.mean(text.probabilities[:-1])))
            if text.complete
            else UNFINISHED
            for text in texts
        ]
