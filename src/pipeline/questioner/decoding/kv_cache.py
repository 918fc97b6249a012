"""Step-by-step decoding with a key-value cache: equal to the full pass, word for word.

To predict word t+1 the model reads `[CLS] w1 … wt [MASK]` and predicts at the [MASK]. In the four-part mask a prompt
never attends to the target, and a word never to later ones, so of this only w_t and the [MASK] are new:

- keys and values of image tokens are computed once per box and shared by all its sequences, whose queries are stacked
  so that one matrix product serves them all (`SharedKeys`);
- those of a prompt are computed once per distinct prompt and copied to its sequences;
- a step runs two tokens per sequence through the layers and stores the keys and values of both; those of the [MASK]
  are overwritten by the next word. In the last layer only the [MASK] goes on.

Several words at once (a question that is known) are one step too: they are right-aligned, so that the slots of the
cache are the same for all sequences, and the padding on their left is marked invalid. Padding takes part in
self-attention only; everything else runs over the words alone (`UnpaddedTokens`). Finished sequences are taken out by
`keep`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.encoders.bert.layers import BertLayer, BertSelfAttention, KeysValues
from pipeline.questioner.model.questioner import Questioner

SPARE_SLOTS = 6


class SharedKeys:
    """Stacks the queries of rows that attend to the same keys, for one matrix product per group.

    `group_of_row` [R] names each row's keys and must not decrease.
    """

    def __init__(self, group_of_row: Tensor) -> None:
        self.present, inverse, counts = torch.unique_consecutive(group_of_row, return_inverse=True, return_counts=True)
        self.most = int(counts.max())
        self.even = bool((counts == self.most).all())
        first = counts.cumsum(0) - counts
        offset = torch.arange(len(group_of_row), device=group_of_row.device) - first[inverse]
        self.slot = inverse * self.most + offset

    def stack(self, rows: Tensor) -> Tensor:
        """[R,n,D] to [groups, most * n, D], with zeros where a group has fewer rows."""
        stacked = rows
        if not self.even:
            stacked = rows.new_zeros(len(self.present) * self.most, *rows.shape[1:])
            stacked[self.slot] = rows
        return stacked.reshape(len(self.present), self.most * rows.shape[1], rows.shape[2])

    def unstack(self, stacked: Tensor, words: int) -> Tensor:
        """The inverse of `stack`: [groups, most * words, D] to [R,words,D]."""
        rows = stacked.reshape(-1, words, stacked.shape[2])
        return rows if self.even else rows[self.slot]


class TokenRows:
    """Layout of new words outside of self-attention: row by row, as they come. `shared` are the rows' keys."""

    def __init__(self, shared: SharedKeys) -> None:
        self.shared = shared

    def pack(self, rows: Tensor) -> Tensor:
        """From rows [R,n,D] to this layout."""
        return rows

    def unpack(self, words: Tensor) -> Tensor:
        """The inverse of `pack`."""
        return words

    def last(self, words: Tensor) -> Tensor:
        """Each row's last word, [R,1,D]."""
        return words[:, -1:]


class UnpaddedTokens(TokenRows):
    """Layout of the words of padded rows one after the other, [words,1,D]: `valid` [R,n] tells words from padding.

    `shared` are the words' keys (`group_of_row` [R] names the rows'). `unpack` puts zeros where there is padding.
    """

    def __init__(self, valid: Tensor, group_of_row: Tensor) -> None:
        super().__init__(SharedKeys(group_of_row[valid.nonzero()[:, 0]]))
        self.valid = valid
        self.ends = valid.sum(dim=1).cumsum(dim=0) - 1

    def pack(self, rows: Tensor) -> Tensor:
        """Rows [R,n,D] as words [words,1,D]."""
        return rows[self.valid][:, None]

    def unpack(self, words: Tensor) -> Tensor:
        """Words [words,1,D] as padded rows [R,n,D]."""
        rows = words.new_zeros(*self.valid.shape, words.shape[2])
        rows[self.valid] = words[:, 0]
        return rows

    def last(self, words: Tensor) -> Tensor:
        """The last word of each row, [R,1,D]."""
        return words[self.ends]


@dataclass
class PromptCache:
    """Keys and values of prompts, [Q,heads,P,width] per layer, and their token mask [Q,P]."""

    layers: list[KeysValues]
    mask: Tensor


def attend(attention: BertSelfAttention, queries: Tensor, keys_values: KeysValues, mask: Tensor | None) -> Tensor:
    """Attention of projected queries [B,L,D], [B,L,D]."""
    attended = functional.scaled_dot_product_attention(attention.split(queries), *keys_values, attn_mask=mask)
    return attended.transpose(1, 2).flatten(2)


def cross_attend(layer: BertLayer, states: Tensor, shared: SharedKeys, cross: KeysValues) -> Tensor:
    """Cross-attention with residual of `states` [R,n,D] to the keys that each group shares."""
    attention = layer.crossattention
    assert attention is not None
    queries = shared.stack(attention.self.query(states))
    attended = attend(attention.self, queries, cross, None)
    return attention.output(shared.unstack(attended, states.shape[1]), states)


def present_groups(cross: list[KeysValues], shared: SharedKeys) -> list[KeysValues]:
    """The keys and values of the groups that have rows."""
    if len(cross[0][0]) == len(shared.present):
        return cross
    return [(keys[shared.present], values[shared.present]) for keys, values in cross]


def read_prompts(
    model: Questioner, ids: Tensor, mask: Tensor, group_of_prompt: Tensor, cross: list[KeysValues]
) -> PromptCache:
    """Keys and values of prompts `ids` [Q,P] (token mask `mask`), each attending to its group of `cross`.

    `group_of_prompt` [Q] must not decrease.
    """
    bert = model.text.bert
    states = bert.embeddings(ids, token_type_ids=torch.ones_like(ids))
    shared = SharedKeys(group_of_prompt)
    cross = present_groups(cross, shared)
    visible = mask[:, None, None, :]
    layers: list[KeysValues] = []
    for index, layer in enumerate(bert.layers):
        layers.append(layer.attention.project(states))
        if index + 1 < len(bert.layers):
            states = layer.attention(states, layers[-1], visible)
            states = cross_attend(layer, states, shared, cross[index])
            states = layer.output(layer.intermediate(states), states)
    return PromptCache(layers, mask)


class DecoderState:
    """The cache of R target sequences that are being decoded.

    `prompt_of_row` [R] names each row's prompt in `cache`, `group_of_row` [R] (not decreasing) its group in `cross`.
    """

    def __init__(
        self,
        model: Questioner,
        cache: PromptCache,
        prompt_of_row: Tensor,
        cross: list[KeysValues],
        group_of_row: Tensor,
        mask_id: int,
    ) -> None:
        self.model, self.mask_id = model, mask_id
        self.bert = model.text.bert
        self.group_of_row = group_of_row
        self.shared = SharedKeys(group_of_row)
        self.cross = present_groups(cross, self.shared)
        self.used = cache.mask.shape[1]
        self.valid = cache.mask[prompt_of_row]
        self.layers = [(keys[prompt_of_row], values[prompt_of_row]) for keys, values in cache.layers]

    def make_room(self, slots: int) -> None:
        """Lengthen the cache, if it has fewer slots, by a few more than needed."""
        missing = slots - self.valid.shape[1]
        if missing > 0:
            more = missing + SPARE_SLOTS
            self.valid = functional.pad(self.valid, (0, more), value=True)
            self.layers = [(lengthened(keys, more), lengthened(values, more)) for keys, values in self.layers]

    def advance(self, words: Tensor, start: Tensor, valid: Tensor) -> Tensor:
        """Read `words` [R,n] and a [MASK]; returns the scores [R,V] of the word at the [MASK].

        `valid` [R,n] is False for padding, which stands left of the words; `start` [R] is the position of the first
        valid word.
        """
        rows, count = words.shape
        ids = functional.pad(words, (0, 1), value=self.mask_id)
        valid = functional.pad(valid, (0, 1), value=True)
        position = (start[:, None] + valid.cumsum(1) - 1).clamp(min=0)
        states = self.bert.embeddings(ids, position_ids=position)
        end = self.used + count + 1
        self.make_room(end)
        self.valid[:, self.used : end] = valid
        mask = self.valid[:, None, None, :end].expand(rows, 1, count + 1, end).clone()
        causal = torch.ones(count + 1, count + 1, dtype=torch.bool, device=words.device).tril()
        mask[..., self.used :] &= causal
        # A padding token attends to itself, so that its (unused) result is a number.
        mask[..., self.used :] |= torch.eye(count + 1, dtype=torch.bool, device=words.device)
        layout = UnpaddedTokens(valid, self.group_of_row) if count > 1 else TokenRows(self.shared)
        states = layout.pack(states)
        for index in range(len(self.bert.layers)):
            states = self._layer(index, states, mask, layout)
        self.used += count
        return self.model.logits(states[:, -1])

    def _layer(self, index: int, states: Tensor, mask: Tensor, layout: TokenRows) -> Tensor:
        """One layer over `states` in their layout; the last layer gives the rows' last words [R,1,D]."""
        layer, attention, end = self.bert.layers[index], self.bert.layers[index].attention, mask.shape[-1]
        keys, values = self.layers[index]
        for kept, linear in ((keys, attention.self.key), (values, attention.self.value)):
            kept[:, :, self.used : end] = attention.self.split(layout.unpack(linear(states)))
        if index + 1 == len(self.layers):
            states, mask, layout = layout.last(states), mask[:, :, -1:], TokenRows(self.shared)
        queries = layout.unpack(attention.self.query(states))
        attended = attend(attention.self, queries, (keys[:, :, :end], values[:, :, :end]), mask)
        states = attention.output(layout.pack(attended), states)
        states = cross_attend(layer, states, layout.shared, self.cross[index])
        return layer.output(layer.intermediate(states), states)

    def keep(self, rows: Tensor) -> None:
        """Drop all rows but `rows` (ascending indices)."""
        self.valid = self.valid[rows]
        self.layers = [(keys[rows], values[rows]) for keys, values in self.layers]
        self.group_of_row = self.group_of_row[rows]
        shared = SharedKeys(self.group_of_row)
        if len(shared.present) < len(self.shared.present):
            stay = torch.isin(self.shared.present, shared.present)
            self.cross = [(keys[stay], values[stay]) for keys, values in self.cross]
        self.shared = shared


def lengthened(kept: Tensor, slots: int) -> Tensor:
    """Keys or values [R,heads,n,width] with room for more slots, whose content is undefined."""
    rows, heads, used, width = kept.shape
    longer = kept.new_empty(rows, heads, used + slots, width)
    longer[:, :, :used] = kept
    return longer
