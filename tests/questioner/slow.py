"""Slow twins of what the questioner computes fast: keys and values projected per box, and decoding without a cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pipeline.encoders.bert.layers import KeysValues
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.vision import VisionTower

Chooser = Callable[[Tensor, int], tuple[int, bool]]
"""Scores [V] and the step's number -> a word, and whether the text ends with (and without) it."""


def box_tokens(questioner: Questioner, adapted: Tensor, image_of_row: Tensor, boxes: Tensor) -> Tensor:
    """The tokens [R,M,D] that each row attends to, before their projection; `adapted` [I,N,D]."""
    if questioner.roi_tokens is None:
        return adapted[image_of_row]
    return questioner.roi_tokens(adapted, image_of_row, boxes, questioner.box_embedding)


def box_tokens_of_images(
    vision: VisionTower, questioner: Questioner, encoded: Tensor, image_of_row: Tensor, boxes: Tensor
) -> Tensor:
    """`box_tokens` from what `vision.encode` gives."""
    return box_tokens(questioner, *vision.adapted_tokens(questioner, encoded, image_of_row, boxes), boxes)


def cross_keys_values(questioner: Questioner, tokens: Tensor) -> list[KeysValues]:
    """Keys and values of every layer of `tokens` [R,M,D], projected row by row."""
    return questioner.text.bert.project_encoder(tokens)


@torch.no_grad()
def decode(
    questioner: Questioner,
    tokens: Tensor,
    prompt: Sequence[int],
    start: Sequence[int],
    mask_id: int,
    choose: Chooser,
    limit: int,
) -> tuple[list[int], list[float], bool]:
    """One sequence, recomputed in full for every word: read `start w1 … wt [MASK]`, predict at the end.

    It attends to `tokens` [M,D]. Returns its words, their probabilities (and that of the end), and whether it ended.
    """
    words: list[int] = []
    probabilities: list[float] = []
    cross = cross_keys_values(questioner, tokens[None])
    for step in range(limit + 1):
        target = torch.tensor([[*start, *words, mask_id]])
        given = torch.tensor([list(prompt)])
        vectors = questioner.word_vectors(torch.cat([target, given], dim=1))
        states, _ = questioner(vectors, torch.ones_like(target).bool(), torch.ones_like(given).bool(), cross)
        scores = questioner.logits(states[0, -1])
        word, ends = choose(scores, step)
        if ends or len(words) < limit:
            probabilities.append(float(scores.softmax(0)[word]))
        if ends:
            return words, probabilities, True
        if len(words) < limit:
            words.append(word)
    return words, probabilities, False
