"""What the objective trains on: images, and the table of their texts.

Images come as cached tokens (`inputs/image_cache.py`), or as the pixels from which encoders that run along compute them
(`inputs/image_pixels.py`), behind one protocol; texts as strings, which the text encoder reads when they are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pipeline.alignment.data.masked_questions import MaskedQuestions
from pipeline.alignment.data.teacher_targets import TeacherTargets
from pipeline.alignment.data.text_table import TextTable
from pipeline.alignment.data.wrong_answers.draw import WrongAnswers
from pipeline.alignment.inputs.images import Images
from pipeline.encoders.text.encoder import TextEncoder


@dataclass(frozen=True)
class TrainingSet:
    """Images with their texts.

    tokenizer: the text encoder, which makes ids of texts; groups: [images], equal for copies of one image; grid,
    prefix: rows and columns of an image's tokens, and the number of class tokens in front of them; wrong, teacher,
    answers: answers to draw from, the teacher's targets and the masked questions, each None where no loss needs them.
    """

    images: Images
    texts: TextTable
    tokenizer: TextEncoder
    groups: torch.Tensor
    grid: tuple[int, int]
    prefix: int
    wrong: WrongAnswers | None
    teacher: TeacherTargets | None
    answers: MaskedQuestions | None


@dataclass(frozen=True)
class ValidationSet:
    """Images and captions to retrieve among."""

    images: Images
    texts: TextTable
    tokenizer: TextEncoder
