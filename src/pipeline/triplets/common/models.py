"""What generation and filter need of their models; the trained ones stand in `pipeline.questioner`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from PIL import Image

from pipeline.questioner.decoding.params import SamplingParams

Boxes = Sequence[Sequence[float]]


class Text(Protocol):
    """A caption or an answer, with the model's confidence in it, in [0, 1]."""

    @property
    def text(self) -> str: ...

    @property
    def confidence(self) -> float: ...


class Pair(Protocol):
    """A question of a requested type with its answer, and the model's confidence in the answer."""

    @property
    def question(self) -> str: ...

    @property
    def answer(self) -> str: ...

    @property
    def question_type(self) -> str: ...

    @property
    def confidence(self) -> float: ...


class GeneratorModel(Protocol):
    """Describes boxes, and asks questions about them."""

    def encode(self, images: Sequence[Image.Image]) -> Any:
        """The images in a form that `describe` and `ask` share."""
        ...

    def describe(
        self, images: Any, boxes: Sequence[Boxes], keys: Sequence[str], sampling: SamplingParams
    ) -> Sequence[Sequence[Text]]:
        """One caption per box, per image."""
        ...

    def ask(
        self,
        images: Any,
        boxes: Sequence[Boxes],
        captions: Sequence[Sequence[str]],
        keys: Sequence[str],
        question_types: Sequence[str],
        sampling: SamplingParams,
    ) -> Sequence[Sequence[Sequence[Pair]]]:
        """A pair of each type per box, per image."""
        ...


class AnswererModel(Protocol):
    """Answers questions about whole images."""

    def answer(self, images: Sequence[Image.Image], questions: Sequence[Sequence[str]]) -> Sequence[Sequence[Text]]:
        """An answer to each question, per image."""
        ...
