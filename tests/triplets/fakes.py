"""Models that answer from a table, in place of the trained ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

from pipeline.questioner.decoding.batch_memory import BatchMemory
from pipeline.questioner.decoding.generated import Generated, GeneratedQA

if TYPE_CHECKING:
    from pipeline.questioner.decoding.filter_model import FilterModel
    from pipeline.questioner.decoding.generator import Generator


MEMORY = BatchMemory(image=10, box=100, text=1000, device=torch.device("cpu"))
"""Of one image, one box and one text, in bytes."""


class FakePrompts:
    """A word is a piece."""

    def pieces(self, texts):
        return [text.split() for text in texts]


class FakeGenerator:
    """Names the image's colour; asks the requested types in order."""

    memory, prompts = MEMORY, FakePrompts()

    def encode(self, images):
        return images

    def describe(self, images, boxes, keys, sampling):
        return [[Generated(f"{key} box", 0.5) for _ in of_image] for key, of_image in zip(keys, boxes, strict=True)]

    def ask(self, images, boxes, captions, keys, question_types, sampling):
        def pairs(image, region):
            return [
                GeneratedQA(
                    question=f"{name} is {region}?",
                    answer="red" if image.getpixel((0, 0))[0] > 128 else "blue",
                    question_type=name,
                    confidence=0.75,
                )
                for name in question_types
            ]

        return [[pairs(image, n) for n in range(len(own))] for image, own in zip(images, boxes, strict=True)]


class FakeFilterModel:
    """Sees red everywhere, and remembers what it was asked."""

    memory = MEMORY

    def __init__(self):
        self.asked = []

    def answer(self, images, questions):
        self.asked += [text for of_image in questions for text in of_image]
        return [[Generated("red", 0.5) for _ in of_image] for of_image in questions]


def as_generator(fake: FakeGenerator) -> Generator:
    """The fake where a generator is expected."""
    return cast("Generator", fake)


def as_filter_model(fake: FakeFilterModel) -> FilterModel:
    """The fake where a filter model is expected."""
    return cast("FilterModel", fake)
