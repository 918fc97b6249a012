"""What the models generate: a text with the model's confidence in it, and question-answer pairs made of such texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Generated:
    """A caption or an answer, and the mean probability of its words, in [0, 1]."""

    text: str
    confidence: float


UNFINISHED = Generated("", 0.0)
"""Stands for a text that did not end in time, or has no words."""


@dataclass(frozen=True)
class GeneratedQA:
    """A question of a requested type, its answer, and the confidence in the answer.

    If the question or the answer did not end in time, the answer is empty and the confidence 0.
    """

    question: str
    answer: str
    question_type: str
    confidence: float


def regroup(items: Sequence[T], counts: Sequence[int]) -> list[list[T]]:
    """Consecutive runs of `counts` items: what belongs to each image, or to each box."""
    iterator = iter(items)
    return [[next(iterator) for _ in range(count)] for count in counts]
