"""Rows of a training pass: a target with a span of words that may be hidden, and its prompt, as padded tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.encoders.bert.layers import KeysValues
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.questioner.decoding.counter_rng import uniforms
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.training.masking import DRAWS_PER_TOKEN, choose_words, copies_of, hide_in_place
from pipeline.questioner.training.params import Masking


@dataclass(frozen=True)
class Row:
    """One sequence of a pass.

    `start` … `end` are the places in `target` that may be hidden, each with `probability`; `stream` decides which.
    `owner` is the sample that the loss counts for, `view` what the sequence looks at, `loss` the loss's number, `aim`
    the box that the hidden words are to look into, if there is one.
    """

    target: Sequence[int]
    start: int
    end: int
    prompt: Sequence[int]
    probability: float
    stream: int
    owner: int
    view: int
    loss: int
    aim: Sequence[float] | None = None


GROUPS = 4
"""Rows of one kind run in so many groups of like length, which spares padding."""

Batch = dict[str, Tensor]
"""Tensors of rows that run together; see `tensors`."""


def by_length(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows in groups of like length."""
    ordered = sorted(rows, key=lambda row: len(row.prompt) + len(row.target))
    size = max(1, -(-len(ordered) // GROUPS))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def tensors(rows: Sequence[Row], tokenizer: Tokenizer, words: np.ndarray, masking: Masking) -> Batch:
    """Padded tensors of rows.

    target [R,T] with words hidden in place, target_mask [R,T], or hidden in copies [R,M] (their positions; M is 0 in
    place); prompt [R,P], prompt_mask [R,P], view [R]; and for each of the C hidden words its row, its column in target
    or copies, label, owner and loss, each [C]. `aimed` [A] are those of them whose row has an aim, `aim` [A,4] their
    boxes. `words` are what random words come from.
    """
    ids, mask = tokenizer.pad_rows([row.target for row in rows])
    prompt, prompt_mask = tokenizer.pad_rows([row.prompt for row in rows])
    places = np.arange(ids.shape[1])[None]
    start, end = (np.array([getattr(row, name) for row in rows])[:, None] for name in ("start", "end"))
    probability = np.array([row.probability for row in rows])[:, None]
    draws = uniforms([row.stream for row in rows], 0, ids.shape[1] * DRAWS_PER_TOKEN)
    draws = draws.reshape(*ids.shape, DRAWS_PER_TOKEN)
    chosen = choose_words((places >= start) & (places < end), probability, draws[..., 0])
    row, column = np.nonzero(chosen)
    label, target, copies = ids[row, column], ids, np.empty((len(rows), 0), dtype=np.int64)
    if masking == "copy":
        copies, column = copies_of(chosen)
    else:
        target = hide_in_place(ids, chosen, draws[..., 1:], tokenizer.mask, words)
    aimed = np.flatnonzero(np.array([row.aim is not None for row in rows], dtype=bool)[row])
    aims = [rows[index].aim for index in row[aimed].tolist()]
    owners, losses, views = (np.array([getattr(row, name) for row in rows]) for name in ("owner", "loss", "view"))
    found = {
        "target": target,
        "target_mask": mask.astype(bool),
        "copies": copies,
        "prompt": prompt,
        "prompt_mask": prompt_mask.astype(bool),
        "view": views,
        "row": row,
        "column": column,
        "label": label,
        "owner": owners[row],
        "loss": losses[row],
        "aimed": aimed,
        "aim": np.array(aims, dtype=np.float32).reshape(-1, 4),
    }
    return {name: torch.from_numpy(value) for name, value in found.items()}


def word_losses(
    model: Questioner, cross: Sequence[KeysValues], groups: Sequence[Batch], mask_id: int, smoothing: float
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each hidden word [C], and how badly each of the aimed ones looks at its aim [A], group by group.

    `cross` are the keys and values of all views. Word vectors are looked up, and scores taken, for all groups at once:
    both have a dense gradient of the size of the vocabulary, which costs more than the layers do.
    """
    ids = [
        torch.cat([batch["target"], torch.full_like(batch["copies"], mask_id), batch["prompt"]], dim=1)
        for batch in groups
    ]
    vectors = model.words(torch.cat([part.flatten() for part in ids])).split([part.numel() for part in ids])
    looked = chosen_views(cross, [batch["view"] for batch in groups])
    states: list[Tensor] = []
    missed: list[Tensor] = []
    for batch, part, words, own in zip(groups, ids, vectors, looked, strict=True):
        masks = batch["target_mask"], batch["prompt_mask"]
        found, looking = model(words.unflatten(0, part.shape), *masks, own, batch["copies"])
        states.append(found[batch["row"], batch["column"]])
        row, column = batch["row"][batch["aimed"]], batch["column"][batch["aimed"]]
        missed.append(model.missed(looking[row, column], own[-1][0].index_select(0, row), batch["aim"]).float())
    scores, labels = model.logits(torch.cat(states)).float(), torch.cat([batch["label"] for batch in groups])
    losses = functional.cross_entropy(scores, labels, reduction="none", label_smoothing=smoothing)
    return losses, torch.cat(missed)


def chosen_views(cross: Sequence[KeysValues], views: Sequence[Tensor]) -> list[list[KeysValues]]:
    """Keys and values of every layer for each group's `views`; gathered at once, for the sake of the gradient."""
    sizes = [len(part) for part in views]
    every = torch.cat(list(views))
    layers = [tuple(part.index_select(0, every).split(sizes) for part in layer) for layer in cross]
    return [[(keys[group], values[group]) for keys, values in layers] for group in range(len(sizes))]
