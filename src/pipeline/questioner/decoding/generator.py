"""The generator: captions of boxes, and questions about them with answers (JADE).

`describe` samples one caption per box. `ask` samples questions of given types about boxes with captions and answers
them greedily. Texts depend on the image, its key, the box and the question's type and ordinal, not on the batch (up to
floating-point rounding); one call is one batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pipeline.core.counter_rng import stream
from pipeline.core.parameters.bounds import Precision
from pipeline.core.settings import machine
from pipeline.encoders.bert.layers import KeysValues
from pipeline.questioner.decoding.batch_memory import BatchMemory
from pipeline.questioner.decoding.generated import UNFINISHED, Generated, GeneratedQA, regroup
from pipeline.questioner.decoding.params import SamplingParams
from pipeline.questioner.decoding.sampling import DecodedText
from pipeline.questioner.decoding.tasks import Decoder, DecoderInput
from pipeline.questioner.model.checkpoint import GENERATOR, LoadedModel, load_model
from pipeline.storage.boxes import FULL_IMAGE, Box
from pipeline.tables.questions import BINARY, YES_NO


@dataclass(frozen=True)
class Encoded:
    """Images after the image encoder, so that several calls may share them."""

    images: Tensor


Images = Sequence[Image.Image] | Encoded


class Generator:
    """A trained generator.

    `weights_hash` is a digest of all that decides its texts besides images, sampling and the precision of its passes.
    """

    def __init__(self, loaded: LoadedModel, precision: Precision = "float32") -> None:
        self.weights_hash = loaded.weights_hash
        self.config, self.vision, self.prompts = loaded.config, loaded.vision, loaded.prompts
        self.decoder = Decoder(loaded.questioner, loaded.prompts, precision)

    @cached_property
    def memory(self) -> BatchMemory:
        """How much memory a batch takes."""
        return BatchMemory.of(self.decoder, self.vision, self.prompts.pair_prompt(None, FULL_IMAGE, []))

    @classmethod
    def load(cls, folder: Path, precision: Precision = "float32") -> Generator:
        """Read a model folder, to the machine's device. Raises UserError if it does not hold a generator."""
        return cls(load_model(folder, GENERATOR).to(machine().device), precision)

    @torch.inference_mode()
    def encode(self, images: Sequence[Image.Image]) -> Encoded:
        """Run the image encoder once; `describe` and `ask` take the result in place of the images."""
        pixels = np.stack([self.vision.encoder.preprocessing.pixels(image) for image in images])
        return Encoded(self.decoder.encode(self.vision, pixels))

    @torch.inference_mode()
    def describe(
        self, images: Images, boxes: Sequence[Sequence[Box]], keys: Sequence[str], sampling: SamplingParams
    ) -> list[list[Generated]]:
        """One caption per box, per image. `boxes[i]` and `keys[i]` belong to image i.

        The confidence is the mean probability of the caption's words and of its end.
        """
        numbered = numbered_boxes(keys, boxes)
        if not numbered:
            return [[] for _ in boxes]
        streams = [stream(sampling.seed, "caption", key, number) for key, number, _ in numbered]
        cross = self.cross_keys_values(images, boxes)
        texts = self.decoder.captions(cross, [box for *_, box in numbered], streams, sampling)
        captions = [
            Generated(self.prompts.text(text.words), float(np.mean(text.probabilities)))
            if text.complete
            else UNFINISHED
            for text in texts
        ]
        return regroup(captions, [len(of_image) for of_image in boxes])

    @torch.inference_mode()
    def ask(
        self,
        images: Images,
        boxes: Sequence[Sequence[Box]],
        captions: Sequence[Sequence[str]],
        keys: Sequence[str],
        question_types: Sequence[str],
        sampling: SamplingParams,
    ) -> list[list[list[GeneratedQA]]]:
        """A question of each type (what, how, where, who, why, when, binary, other; repeats allowed) per box.

        `captions` are those of the boxes. Binary questions are asked for yes and no in turn, for no first in every
        other box.
        """
        counts = [len(of_image) for of_image in boxes]
        if not sum(counts) or not question_types:
            return [[[] for _ in of_image] for of_image in boxes]
        all_boxes = [box for of_image in boxes for box in of_image]
        pieces = self.prompts.pieces([text for of_image in captions for text in of_image])
        cross = self.cross_keys_values(images, boxes)
        questions = self.questions(cross, boxes, pieces, keys, question_types, sampling)
        box_of_row = [box for box in range(len(all_boxes)) for _ in question_types]
        answers = self.answers(cross, all_boxes, pieces, questions, box_of_row, sampling.max_tokens)
        types = list(question_types) * len(all_boxes)
        qa = [
            GeneratedQA(self.prompts.text(question.words), answer.text, question_type, answer.confidence)
            for question, answer, question_type in zip(questions, answers, types, strict=True)
        ]
        return regroup(regroup(qa, [len(question_types)] * len(all_boxes)), counts)

    def questions(
        self,
        cross: list[KeysValues],
        boxes: Sequence[Sequence[Box]],
        captions: Sequence[Sequence[int]],
        keys: Sequence[str],
        question_types: Sequence[str],
        sampling: SamplingParams,
    ) -> list[DecodedText]:
        """Sampled questions, box by box and type by type; `captions` (word pieces) are those of all boxes.

        Questions of one box that have the same TYPE share a prompt.
        """
        ordinals = ordinals_of(question_types)
        numbered = numbered_boxes(keys, boxes)
        prompts, groups, prompt_of_row, streams = [], [], [], []
        for group, ((key, number, box), caption) in enumerate(zip(numbered, captions, strict=True)):
            names = list(zip(question_types, ordinals, strict=True))
            types = [type_in_prompt(name, number + ordinal) for name, ordinal in names]
            distinct = sorted(set(types))
            prompt_of_row += [len(prompts) + distinct.index(name) for name in types]
            groups += [group] * len(distinct)
            prompts += [self.prompts.pair_prompt(name, box, caption) for name in distinct]
            streams += [stream(sampling.seed, "question", key, number, name, ordinal) for name, ordinal in names]
        starts = [[self.prompts.tokenizer.cls]] * len(prompt_of_row)
        return self.decoder.questions(DecoderInput(cross, prompts, groups, prompt_of_row, starts), streams, sampling)

    def answers(
        self,
        cross: list[KeysValues],
        boxes: Sequence[Box],
        captions: Sequence[Sequence[int]],
        questions: Sequence[DecodedText],
        box_of_row: Sequence[int],
        max_tokens: int,
    ) -> list[Generated]:
        """Greedy answers to the questions that ended; UNFINISHED for the others and for answers that do not end.

        The confidence is the mean probability of the separator and of the answer's words.
        """
        answers = [UNFINISHED] * len(questions)
        rows = [row for row, question in enumerate(questions) if question.complete]
        if not rows:
            return answers
        starts = [[self.prompts.tokenizer.cls, *questions[row].words, self.prompts.separator] for row in rows]
        prompts = [self.prompts.pair_prompt(None, box, caption) for box, caption in zip(boxes, captions, strict=True)]
        # [CLS] is not counted; [SEP], which ends the answer, neither.
        limits = np.array([max_tokens + 1 - len(start) for start in starts])
        given = DecoderInput(cross, prompts, range(len(boxes)), [box_of_row[row] for row in rows], starts)
        texts = self.decoder.answers(given, limits)
        for row, text in zip(rows, texts, strict=True):
            if text.complete:
                probabilities = [questions[row].probabilities[-1], *text.probabilities[:-1]]
                answers[row] = Generated(self.prompts.text(text.words), float(np.mean(probabilities)))
        return answers

    def cross_keys_values(self, images: Images, boxes: Sequence[Sequence[Box]]) -> list[KeysValues]:
        """Cross-attention keys and values of all boxes, image by image."""
        encoded = images if isinstance(images, Encoded) else self.encode(images)
        image_of_box = [image for image, of_image in enumerate(boxes) for _ in of_image]
        all_boxes = [list(box) for of_image in boxes for box in of_image]
        return self.decoder.cross_keys_values(self.vision, encoded.images, image_of_box, all_boxes)


def numbered_boxes(keys: Sequence[str], boxes: Sequence[Sequence[Box]]) -> list[tuple[str, int, Box]]:
    """All boxes with the key of their image and their number in it."""
    images = zip(keys, boxes, strict=True)
    return [(key, number, box) for key, of_image in images for number, box in enumerate(of_image)]


def ordinals_of(question_types: Sequence[str]) -> list[int]:
    """The number of each question among those of its type."""
    seen: Counter[str] = Counter()
    ordinals: list[int] = []
    for name in question_types:
        ordinals.append(seen[name])
        seen[name] += 1
    return ordinals


def type_in_prompt(question_type: str, turn: int) -> str:
    """TYPE in the prompt: for binary questions yes and no in turn."""
    return YES_NO[turn % 2] if question_type == BINARY else question_type
