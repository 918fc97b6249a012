"""Repetitions within one image: the same question with the same answer, or one region described twice.

Both searches are greedy by confidence: the most confident copy stays. They take one list per column and give the
indices of the rows that repeat another.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.metrics.token_f1 import token_f1
from pipeline.metrics.vqa_accuracy import normalise_answer
from pipeline.storage.boxes import Box, intersection_over_union


def by_confidence(confidence: Sequence[float]) -> list[int]:
    """Indices from the most to the least confident; equal ones in their given order."""
    return sorted(range(len(confidence)), key=lambda index: -confidence[index])


def repeated_qa(questions: Sequence[str], answers: Sequence[str], confidence: Sequence[float]) -> set[int]:
    """Indices of pairs that repeat a more confident pair of the same image, after VQA's normalisation."""
    seen: set[tuple[str, str]] = set()
    repeated: set[int] = set()
    for index in by_confidence(confidence):
        texts = (normalise_answer(questions[index]), normalise_answer(answers[index]))
        if texts in seen:
            repeated.add(index)
        seen.add(texts)
    return repeated


def repeated_captions(
    boxes: Sequence[Box],
    captions: Sequence[str],
    confidence: Sequence[float],
    min_iou: float,
    min_token_f1: float,
) -> set[int]:
    """Indices of captions of one image that nearly repeat a more confident one.

    A repetition overlaps the kept box by at least `min_iou` *and* its text by at least `min_token_f1`: two similar
    objects in different places stay, and so do two different captions of one place.
    """
    kept: list[int] = []
    repeated: set[int] = set()
    for index in by_confidence(confidence):
        if any(
            intersection_over_union(boxes[index], boxes[other]) >= min_iou
            and token_f1(captions[index], captions[other]) >= min_token_f1
            for other in kept
        ):
            repeated.add(index)
        else:
            kept.append(index)
    return repeated
