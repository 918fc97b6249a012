"""What the objective trains on, all in numbers: which texts belong to which image.

Images and texts come as cached tokens (`inputs/token_cache.py`), or as the pixels and ids from which trained encoders
compute them (`inputs/pixels_and_ids.py`), behind one protocol each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.alignment.data.masked_questions import MaskedQuestions
from pipeline.alignment.data.text_sources import ImageTexts
from pipeline.alignment.inputs.protocols import Images, Texts


@dataclass(frozen=True)
class ImageEntry:
    """Texts of one image by their numbers: what `ImageTexts` holds as strings.

    boxes: [regions, 4], of the phrases; wrong: of each right statement.
    """

    captions: list[int]
    synthetic: list[int]
    boxes: np.ndarray
    phrases: list[int]
    right: list[int]
    wrong: list[list[int]]

    @property
    def whole(self) -> list[int]:
        """The texts that describe the whole image."""
        return [*self.captions, *self.synthetic]


@dataclass(frozen=True)
class TrainingSet:
    """Images with their texts.

    groups: [images], equal for copies of one image; grid, prefix: rows and columns of an image's tokens, and the number
    of class tokens in front of them; teacher: its targets [images, D], and answers: the masked questions, each None
    where no loss needs them.
    """

    images: Images
    texts: Texts
    entries: list[ImageEntry]
    groups: Tensor
    grid: tuple[int, int]
    prefix: int
    teacher: Tensor | None
    answers: MaskedQuestions | None


@dataclass(frozen=True)
class ValidationSet:
    """Images and captions to retrieve among; owner: [captions], the image that each describes."""

    images: Images
    texts: Texts
    captions: list[int]
    owner: np.ndarray


def numbered(texts: ImageTexts, number: dict[str, int]) -> ImageEntry:
    """The texts of one image, given each text's number."""
    return ImageEntry(
        captions=[number[text] for text in texts.captions],
        synthetic=[number[text] for text in texts.synthetic],
        boxes=np.array([box for box, _ in texts.regions], dtype=np.float64).reshape(-1, 4),
        phrases=[number[phrase] for _, phrase in texts.regions],
        right=[number[right] for right, _ in texts.questions],
        wrong=[[number[text] for text in wrong] for _, wrong in texts.questions],
    )


def group_numbers(digests: list[str]) -> Tensor:
    """[images] int64: equal digests of the images' bytes, equal numbers, in order of first appearance."""
    seen: dict[str, int] = {}
    return torch.tensor([seen.setdefault(digest, len(seen)) for digest in digests], dtype=torch.long)
