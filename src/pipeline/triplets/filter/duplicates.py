"""Repetitions within one image: the same question with the same answer, or one region described twice.

Both passes are greedy by confidence: the most confident copy stays. Rows are given and returned by their
place.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.metrics.token_f1 import token_f1
from pipeline.metrics.vqa_accuracy import normalise_answer
from pipeline.storage.boxes import Box, intersection_over_union


def by_confidence(confidence: Sequence[float]) -> list[int]:
    """Places from the most to the least confident; equal ones in their given order."""
    return sorted(range(len(confidence)), key=lambda place: -confidence[place])


def repeated_pairs(questions: Sequence[str], answers: Sequence[str], confidence: Sequence[float]) -> set[int]:
    """Places of pairs of one image whose question and answer a more confident pair already has."""
    seen: set[tuple[str, str]] = set()
    repeated: set[int] = set()
    for place in by_confidence(confidence):
        pair = (normalise_answer(questions[place]), normalise_answer(answers[place]))
        if pair in seen:
            repeated.add(place)
        seen.add(pair)
    return repeated


def repeated_captions(
    boxes: Sequence[Box],
    captions: Sequence[str],
    confidence: Sequence[float],
    min_iou: float,
    min_token_f1: float,
) -> set[int]:
    """Places of captions of one image that nearly repeat a more confident one.

    A repetition overlaps the kept box by at least `min_iou` *and* its text by at least `min_token_f1`: two
    like objects in different places stay, and so do two different things said about one place.
    """
    kept: list[int] = []
    repeated: set[int] = set()
    for place in by_confidence(confidence):
        if any(
            intersection_over_union(boxes[place], boxes[other]) >= min_iou
            and token_f1(captions[place], captions[other]) >= min_token_f1
            for other in kept
        ):
            repeated.add(place)
        else:
            kept.append(place)
    return repeated
