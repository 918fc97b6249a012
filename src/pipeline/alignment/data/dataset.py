"""What the objective trains on, all in numbers: which texts belong to which image.

What an image or a text is to the encoders has two forms with one face: stored tokens (`feature_store.py`), or the
pixels and ids from which trained encoders compute them (`raw_inputs.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pipeline.alignment.data.masked_questions import MaskedQuestions
from pipeline.alignment.data.text_sources import ImageTexts
from pipeline.alignment.inputs.protocols import Images, Texts


@dataclass
class ImageEntry:
    """Texts of one image, as numbers of stored texts."""

    captions: list[int]
    composed: list[int] = field(default_factory=list)
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    phrases: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    wrong: list[list[int]] = field(default_factory=list)


@dataclass
class TrainingSet:
    """Images with their texts. groups: [images], equal for copies of one image; teacher: [images, D] or None.

    answers: where masked answers are trained on.
    """

    images: Images
    texts: Texts
    entries: list[ImageEntry]
    groups: Tensor
    grid: tuple[int, int]
    prefix: int
    teacher: Tensor | None = None
    answers: MaskedQuestions | None = None


@dataclass
class ValidationSet:
    """Images and captions to retrieve among; owner: [captions], the image that each describes."""

    images: Images
    texts: Texts
    captions: list[int]
    owner: np.ndarray


def entry(texts: ImageTexts, number: dict[str, int]) -> ImageEntry:
    """The texts of one image by their numbers."""
    return ImageEntry(
        captions=[number[text] for text in texts.captions],
        composed=[number[text] for text in texts.composed],
        boxes=np.array([box for box, _ in texts.regions], dtype=np.float64).reshape(-1, 4),
        phrases=[number[phrase] for _, phrase in texts.regions],
        right=[number[right] for right, _ in texts.questions],
        wrong=[[number[text] for text in wrong] for _, wrong in texts.questions],
    )


def group_numbers(digests: list[str]) -> Tensor:
    """[images] int64: equal digests of the images' bytes, equal numbers, in order of first appearance."""
    seen: dict[str, int] = {}
    return torch.tensor([seen.setdefault(digest, len(seen)) for digest in digests], dtype=torch.long)
