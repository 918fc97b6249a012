"""Models that answer from a table, in place of the trained ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pipeline.questioner.decoding.filter_model import Answerer
    from pipeline.questioner.decoding.generator import Generator


@dataclass
class FakeText:
    text: str
    confidence: float


@dataclass
class FakePair:
    question: str
    answer: str
    question_type: str
    confidence: float


class FakeGenerator:
    """Names the image's colour; asks the requested types in order."""

    def encode(self, images):
        return images

    def describe(self, images, boxes, keys, sampling):
        return [[FakeText(f"{key} box", 0.5) for _ in of_image] for key, of_image in zip(keys, boxes, strict=True)]

    def ask(self, images, boxes, captions, keys, question_types, sampling):
        def pairs(image, region):
            return [
                FakePair(
                    question=f"{name} is {region}?",
                    answer="red" if image.getpixel((0, 0))[0] > 128 else "blue",
                    question_type=name,
                    confidence=0.75,
                )
                for name in question_types
            ]

        return [[pairs(image, n) for n in range(len(own))] for image, own in zip(images, boxes, strict=True)]


class FakeAnswerer:
    """Sees red everywhere, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def answer(self, images, questions):
        self.asked += [text for of_image in questions for text in of_image]
        return [[FakeText("red", 0.5) for _ in of_image] for of_image in questions]


def as_generator(fake: FakeGenerator) -> Generator:
    """The fake where a generator is expected."""
    return cast("Generator", fake)


def as_answerer(fake: FakeAnswerer) -> Answerer:
    """The fake where a filter model is expected."""
    return cast("Answerer", fake)
