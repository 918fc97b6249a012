"""Masked sequences of a training pass as padded tensors, and the losses of their masked words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.core.counter_rng import uniforms
from pipeline.encoders.bert.layers import KeysValues
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.questioner.data.params import Masking
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.training.masking import DRAWS_PER_TOKEN, choose_masked, full_mask, partial_mask


@dataclass(frozen=True)
class MaskedSequence:
    """A target, of which some words are masked, and its prompt.

    The words `start` … `end` of `target` are masked with `mask_prob` each; `stream` decides which. `sample` is the
    index of the sample that the loss counts for, `box` that of the box that the sequence attends to, `loss` that of the
    loss. Without `causal` the target is read in both directions. `target_box` is where the masked words are to attend
    to (the grounding loss), if there is one.
    """

    target: Sequence[int]
    start: int
    end: int
    prompt: Sequence[int]
    mask_prob: float
    stream: int
    sample: int
    box: int
    loss: int
    causal: bool = True
    target_box: Sequence[float] | None = None


GROUPS = 4
"""Sequences of one kind run in so many groups of like length, which spares padding."""

Batch = dict[str, Any]
"""Tensors of sequences that run together, and `causal`; see `collate`."""


def by_length(sequences: Sequence[MaskedSequence]) -> list[list[MaskedSequence]]:
    """Sequences in groups of like length."""
    ordered = sorted(sequences, key=lambda sequence: len(sequence.prompt) + len(sequence.target))
    size = max(1, -(-len(ordered) // GROUPS))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def collate(sequences: Sequence[MaskedSequence], tokenizer: Tokenizer, words: np.ndarray, masking: Masking) -> Batch:
    """Padded tensors of R sequences of one kind with C masked words, of which G have a target box.

    target, target_mask [R,T]; appended [R,M], the positions of the full masker's [MASK]s (M is 0 for the partial
    masker); prompt, prompt_mask [R,P]; box [R]. For each masked word its row, its column in target or appended, label,
    sample and loss, each [C]. grounded [G] are the indices of masked words with a target box, target_box [G,4] those
    boxes. `words` are the ids that random words come from. What is read in both directions always has the partial
    masker: if the target stayed unmasked, every word would see itself.
    """
    ids, mask = tokenizer.pad_rows([sequence.target for sequence in sequences])
    prompt, prompt_mask = tokenizer.pad_rows([sequence.prompt for sequence in sequences])
    draws = uniforms([sequence.stream for sequence in sequences], 0, ids.shape[1] * DRAWS_PER_TOKEN)
    draws = draws.reshape(*ids.shape, DRAWS_PER_TOKEN)
    mask_prob = np.array([sequence.mask_prob for sequence in sequences])[:, None]
    chosen = choose_masked(candidates(sequences, ids.shape[1]), mask_prob, draws[..., 0])
    row, column = np.nonzero(chosen)
    label, target, appended = ids[row, column], ids, np.empty((len(sequences), 0), dtype=np.int64)
    causal = sequences[0].causal
    if masking == "full" and causal:
        appended, column = full_mask(chosen)
    else:
        target = partial_mask(ids, chosen, draws[..., 1:], tokenizer.mask, words)
    grounded = np.flatnonzero(np.array([sequence.target_box is not None for sequence in sequences], dtype=bool)[row])
    target_boxes = [sequences[index].target_box for index in row[grounded].tolist()]
    arrays = {
        "target": target,
        "target_mask": mask.astype(bool),
        "appended": appended,
        "prompt": prompt,
        "prompt_mask": prompt_mask.astype(bool),
        "box": np.array([sequence.box for sequence in sequences]),
        "row": row,
        "column": column,
        "label": label,
        "sample": np.array([sequence.sample for sequence in sequences])[row],
        "loss": np.array([sequence.loss for sequence in sequences])[row],
        "grounded": grounded,
        "target_box": np.array(target_boxes, dtype=np.float32).reshape(-1, 4),
    }
    return {"causal": causal} | {name: torch.from_numpy(array) for name, array in arrays.items()}


def candidates(sequences: Sequence[MaskedSequence], length: int) -> np.ndarray:
    """Which words may be masked, bool [R,length]."""
    start = np.array([sequence.start for sequence in sequences])[:, None]
    end = np.array([sequence.end for sequence in sequences])[:, None]
    position = np.arange(length)[None]
    return (position >= start) & (position < end)


def word_losses(
    questioner: Questioner, cross: Sequence[KeysValues], groups: Sequence[Batch], mask_id: int, smoothing: float
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each masked word [C], and the grounding loss of those with a target box [G], group by group.

    `cross` are the keys and values of all boxes. Word vectors are looked up, and scores taken, for all groups at once:
    both have a dense gradient of the size of the vocabulary, which costs more than the layers do.
    """
    ids = [
        torch.cat([batch["target"], torch.full_like(batch["appended"], mask_id), batch["prompt"]], dim=1)
        for batch in groups
    ]
    vectors = questioner.word_vectors(torch.cat([part.flatten() for part in ids]))
    states: list[Tensor] = []
    grounding: list[Tensor] = []
    parts = zip(
        groups,
        ids,
        vectors.split([part.numel() for part in ids]),
        keys_values_of_rows(cross, [batch["box"] for batch in groups]),
        strict=True,
    )
    for batch, part, of_words, keys_values in parts:
        masks = batch["target_mask"], batch["prompt_mask"]
        vectors_of_part = of_words.unflatten(0, part.shape)
        final, attended = questioner(vectors_of_part, *masks, keys_values, batch["appended"], batch["causal"])
        states.append(final[batch["row"], batch["column"]])
        row, column = batch["row"][batch["grounded"]], batch["column"][batch["grounded"]]
        keys = keys_values[-1][0].index_select(0, row)
        grounding.append(questioner.grounding_loss(attended[row, column], keys, batch["target_box"]).float())
    scores, labels = questioner.logits(torch.cat(states)).float(), torch.cat([batch["label"] for batch in groups])
    losses = functional.cross_entropy(scores, labels, reduction="none", label_smoothing=smoothing)
    return losses, torch.cat(grounding)


def keys_values_of_rows(cross: Sequence[KeysValues], boxes: Sequence[Tensor]) -> list[list[KeysValues]]:
    """Keys and values of every layer for the rows of each group, which name their `boxes`.

    They are gathered for all groups at once, because the gradient of each gathering is as large as all keys and values.
    """
    sizes = [len(part) for part in boxes]
    every = torch.cat(list(boxes))
    layers = [tuple(part.index_select(0, every).split(sizes) for part in layer) for layer in cross]
    return [[(keys[group], values[group]) for keys, values in layers] for group in range(len(sizes))]
