"""The filter model: answers a question about the whole image (VALOR's VQA task), greedily."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pipeline.core.settings import machine
from pipeline.questioner.decoding.generator import regroup
from pipeline.questioner.decoding.tasks import Writer
from pipeline.questioner.model.checkpoint import FILTER, Loaded, load_model
from pipeline.storage.boxes import FULL_IMAGE


@dataclass(frozen=True)
class Answered:
    """An answer and the mean probability of its words; ("", 0) if it did not end in time."""

    text: str
    confidence: float


class Answerer:
    """A trained filter model. `weights_hash` is a digest of all that decides its answers besides the images."""

    def __init__(self, loaded: Loaded) -> None:
        self.weights_hash = loaded.weights_hash
        self.setup, self.sight, self.prompts = loaded.setup, loaded.sight, loaded.prompts
        self.writer = Writer(loaded.model, loaded.prompts)

    @classmethod
    def load(cls, folder: Path) -> "Answerer":
        """Read a model folder, to the machine's device. Raises UserError if it is no filter model."""
        return cls(load_model(folder, FILTER).to(machine().device))

    @torch.inference_mode()
    def answer(self, images: Sequence[Image.Image], questions: Sequence[Sequence[str]]) -> list[list[Answered]]:
        """An answer to each question; `questions[i]` are about image i. One call is one batch."""
        counts = [len(own) for own in questions]
        if not sum(counts):
            return [[] for _ in questions]
        pixels = np.stack([self.sight.encoder.preprocessing.pixels(image) for image in images])
        encoded = self.sight.encode(self.writer.place(pixels))
        pieces = self.prompts.pieces([text for own in questions for text in own])
        image_of_row = [image for image, own in enumerate(questions) for _ in own]
        return regroup(self.answers(encoded, pieces, image_of_row), counts)

    def answers(
        self, encoded: torch.Tensor, questions: Sequence[Sequence[int]], image_of_row: Sequence[int]
    ) -> list[Answered]:
        """An answer to each question (word pieces) about its image, in the order of the images."""
        whole = [list(FULL_IMAGE)] * len(encoded)
        view = self.writer.view(self.sight, encoded, range(len(encoded)), whole)
        prompts = [self.prompts.question_prompt(question) for question in questions]
        starts = [[self.prompts.tokenizer.cls]] * len(prompts)
        written = self.writer.answers(
            view, prompts, image_of_row, range(len(prompts)), starts, self.setup.max_answer_tokens
        )
        return [
            Answered(self.prompts.text(text.words), float(np.mean(text.probabilities[:-1])))
            if text.ended and text.words
            else Answered("", 0.0)
            for text in written
        ]
