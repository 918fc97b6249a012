"""The generator: captions of boxes, and questions about them with answers (JADE).

`describe` samples one caption per box. `ask` samples questions of given types about boxes with captions and answers
them greedily. Texts depend on the image, its key, the box and the question's type and ordinal, not on the batch (up to
floating-point rounding); one call is one batch.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pipeline.core.settings import machine
from pipeline.questioner.decoding.counter_rng import stream
from pipeline.questioner.decoding.params import SamplingParams
from pipeline.questioner.decoding.sampling import Written
from pipeline.questioner.decoding.tasks import View, Writer
from pipeline.questioner.model.checkpoint import GENERATOR, Loaded, load_model
from pipeline.storage.boxes import Box
from pipeline.tables.questions import BINARY


@dataclass(frozen=True)
class Described:
    """A region caption, and the mean probability of its words and of its end; ("", 0) if it did not end in time."""

    text: str
    confidence: float


@dataclass(frozen=True)
class Asked:
    """A question with its answer, its type, and the mean probability of separator and answer words.

    A question or answer that did not end in time leaves an empty answer with confidence 0.
    """

    question: str
    answer: str
    question_type: str
    confidence: float


@dataclass(frozen=True)
class Encoded:
    """Images after the image encoder, so that several calls may share them."""

    images: Tensor


T = TypeVar("T")
Images = Sequence[Image.Image] | Encoded


class Generator:
    """A trained generator. `weights_hash` is a digest of all that decides its texts besides images and sampling."""

    def __init__(self, loaded: Loaded) -> None:
        self.weights_hash = loaded.weights_hash
        self.setup, self.sight, self.prompts = loaded.setup, loaded.sight, loaded.prompts
        self.writer = Writer(loaded.model, loaded.prompts)

    @classmethod
    def load(cls, folder: Path) -> "Generator":
        """Read a model folder, to the machine's device. Raises UserError if it is no generator."""
        return cls(load_model(folder, GENERATOR).to(machine().device))

    @torch.inference_mode()
    def encode(self, images: Sequence[Image.Image]) -> Encoded:
        """Run the image encoder once; `describe`, `ask` and `answer` take the result in place of the images."""
        pixels = np.stack([self.sight.encoder.preprocessing.pixels(image) for image in images])
        return Encoded(self.sight.encode(self.writer.place(pixels)))

    @torch.inference_mode()
    def describe(
        self, images: Images, boxes: Sequence[Sequence[Box]], keys: Sequence[str], sampling: SamplingParams
    ) -> list[list[Described]]:
        """One caption per box, per image. `boxes[i]` and `keys[i]` belong to image i."""
        flat = [(image, number, box) for image, own in enumerate(boxes) for number, box in enumerate(own)]
        if not flat:
            return [[] for _ in boxes]
        streams = [stream(sampling.seed, "caption", keys[image], number) for image, number, _ in flat]
        view = self.view(images, boxes)
        written = self.writer.captions(view, [box for *_, box in flat], streams, sampling)
        return regroup([self.described(text) for text in written], [len(own) for own in boxes])

    @torch.inference_mode()
    def ask(
        self,
        images: Images,
        boxes: Sequence[Sequence[Box]],
        captions: Sequence[Sequence[str]],
        keys: Sequence[str],
        question_types: Sequence[str],
        sampling: SamplingParams,
    ) -> list[list[list[Asked]]]:
        """A question of each type (what, how, where, who, why, when, binary, other; repeats allowed) per box.

        `captions` are those of the boxes. Binary questions are asked for yes and no in turn, for no first in every
        other box.
        """
        counts = [len(own) for own in boxes]
        if not sum(counts) or not question_types:
            return [[[] for _ in own] for own in boxes]
        pieces = self.prompts.pieces([text for own in captions for text in own])
        flat = [box for own in boxes for box in own]
        view = self.view(images, boxes)
        numbers = [number for own in boxes for number in range(len(own))]
        ordinals = ordinals_of(question_types)
        prompts, groups, rows = [], [], []
        for place, (box, number) in enumerate(zip(flat, numbers, strict=True)):
            kinds = [kind_of(name, number + ordinal) for name, ordinal in zip(question_types, ordinals, strict=True)]
            distinct = sorted(set(kinds))
            rows += [len(prompts) + distinct.index(kind) for kind in kinds]
            groups += [place] * len(distinct)
            prompts += [self.prompts.pair_prompt(kind, box, pieces[place]) for kind in distinct]
        streams = [
            stream(sampling.seed, "question", keys[image], number, name, ordinal)
            for image, own in enumerate(boxes)
            for number in range(len(own))
            for name, ordinal in zip(question_types, ordinals, strict=True)
        ]
        questions = self.writer.questions(view, prompts, groups, rows, streams, sampling)
        of_row = [place for place in range(len(flat)) for _ in question_types]
        asked = self.answered(view, flat, pieces, questions, of_row, sampling.max_tokens)
        names = list(question_types) * len(flat)
        pairs = [
            Asked(self.prompts.text(question.words), text, name, confidence)
            for question, (text, confidence), name in zip(questions, asked, names, strict=True)
        ]
        return regroup(regroup(pairs, [len(question_types)] * len(flat)), counts)

    def answered(
        self,
        view: View,
        boxes: Sequence[Box],
        captions: Sequence[Sequence[int]],
        questions: Sequence[Written],
        box_of_row: Sequence[int],
        max_tokens: int,
    ) -> list[tuple[str, float]]:
        """Greedy answers to the questions that ended; ("", 0) for the others and for answers without end."""
        found = [("", 0.0)] * len(questions)
        rows = [row for row, question in enumerate(questions) if question.ended and question.words]
        if not rows:
            return found
        starts = [[self.prompts.tokenizer.cls, *questions[row].words, self.prompts.separator] for row in rows]
        prompts = [self.prompts.pair_prompt(None, box, caption) for box, caption in zip(boxes, captions, strict=True)]
        # [CLS] is not counted; [SEP], which ends the answer, neither.
        limits = np.array([max_tokens + 1 - len(start) for start in starts])
        answers = self.writer.answers(
            view, prompts, range(len(boxes)), [box_of_row[row] for row in rows], starts, limits
        )
        for row, answer in zip(rows, answers, strict=True):
            if answer.ended and answer.words:
                shares = [questions[row].probabilities[-1], *answer.probabilities[:-1]]
                found[row] = (self.prompts.text(answer.words), float(np.mean(shares)))
        return found

    def view(self, images: Images, boxes: Sequence[Sequence[Box]]) -> View:
        """What the sequences of all boxes look at, image by image."""
        encoded = images if isinstance(images, Encoded) else self.encode(images)
        image_of_box = [image for image, own in enumerate(boxes) for _ in own]
        flat = [list(box) for own in boxes for box in own]
        return self.writer.view(self.sight, encoded.images, image_of_box, flat)

    def described(self, text: Written) -> Described:
        """A caption as the caller gets it."""
        if not text.ended or not text.words:
            return Described("", 0.0)
        return Described(self.prompts.text(text.words), float(np.mean(text.probabilities)))


def ordinals_of(question_types: Sequence[str]) -> list[int]:
    """The number of each question among those of its type."""
    seen: Counter[str] = Counter()
    ordinals: list[int] = []
    for name in question_types:
        ordinals.append(seen[name])
        seen[name] += 1
    return ordinals


def kind_of(question_type: str, turn: int) -> str:
    """TYPE in the prompt: for binary questions yes and no in turn."""
    return ("yes", "no")[turn % 2] if question_type == BINARY else question_type


def regroup(items: Sequence[T], counts: Sequence[int]) -> list[list[T]]:
    """Consecutive runs of `counts` items."""
    iterator = iter(items)
    return [[next(iterator) for _ in range(count)] for count in counts]
