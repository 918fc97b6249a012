"""JADE's questioner: an adapter of image tokens, and a BERT that attends to them in every layer.

Image tokens [I,N,W] of the vision encoder are whitened, go through a linear map and a LayerNorm, and get a type vector
and a vector of their location in the image (`adapt`). The region prompt turns them into the tokens of one box, and
those are projected to the keys and values of the cross-attention (`cross_keys_values`). The text model reads
[target ; prompt] under the four-part mask (see `attention_mask.py`), and BERT's masked-language-model head predicts the
masked words.

The vision encoder itself is not part of this module, so that its tokens may be computed once and kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.encoders.bert.layers import KeysValues
from pipeline.encoders.bert.model import BertLM
from pipeline.encoders.common.token_norm import Whitening
from pipeline.questioner.model.attention_mask import attention_mask, positions
from pipeline.questioner.model.region_prompt import (
    FEATURES,
    PROMPT_SCALE,
    RoiTokens,
    TokenGrid,
    corner_features,
    coverage,
    widened,
)

ADAPTER_EPSILON = 1e-12


class Questioner(nn.Module):
    """The model after the vision encoder.

    `vision_width` is the width W of the encoder's tokens, `grid` their locations, `roi_tokens` whether boxes are marked
    on the tokens (false with the region prompts `mask_channel` and `coordinates`).
    """

    places: Tensor
    cells: Tensor

    def __init__(self, text: BertLM, vision_width: int, grid: TokenGrid, roi_tokens: bool) -> None:
        super().__init__()
        width = text.config.hidden_size
        self.text = text
        self.whiten = Whitening(vision_width)
        self.adapter = nn.Linear(vision_width, width)
        self.norm = nn.LayerNorm(width, eps=ADAPTER_EPSILON)
        self.image_type = nn.Parameter(torch.randn(width) * PROMPT_SCALE)
        self.box_embedding = nn.Linear(FEATURES, width)
        # Location vectors get deviation 1, as the tokens have: with weaker ones `where` is learnt late.
        nn.init.normal_(self.box_embedding.weight, std=(2 / FEATURES) ** 0.5)
        self.roi_tokens = RoiTokens(width, grid) if roi_tokens else None
        self.grid = grid
        self.register_buffer("places", corner_features(grid.corners()), persistent=False)
        self.register_buffer("cells", grid.cells(), persistent=False)

    def adapt(self, tokens: Tensor) -> Tensor:
        """Image tokens [I,N,W] in the text model's width, with their locations, [I,N,D]."""
        locations = self.box_embedding(self.places.to(tokens.dtype))
        return self.norm(self.adapter(self.whiten(tokens))) + self.image_type + locations

    def cross_keys_values(self, visual: Tensor, image_of_row: Tensor, boxes: Tensor) -> list[KeysValues]:
        """Cross-attention keys and values of every layer for each row, at the cost of one projection per image.

        `visual` [I,N,D] are adapted tokens; `image_of_row` [R] and `boxes` [R,4] (fractions of the image) name the
        rows' images and regions. Both region prompt and projection are linear, so the projection comes first.
        """
        weight, bias = self.text.bert.encoder_projection()
        projected = functional.linear(visual, weight, bias)
        if self.roi_tokens is None:
            rows = projected[image_of_row]
        else:
            rows = self.roi_tokens(
                projected, image_of_row, boxes, self.box_embedding, lambda v: functional.linear(v, weight)
            )
        return self.text.bert.split_projection(rows)

    def word_vectors(self, ids: Tensor) -> Tensor:
        """Word vectors [R,L,D] of ids [R,L]."""
        return self.text.bert.embeddings.word_embeddings(ids)

    def forward(
        self,
        vectors: Tensor,
        target_mask: Tensor,
        prompt_mask: Tensor,
        cross: Sequence[KeysValues] | None,
        appended: Tensor | None = None,
        causal: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Final states, and the states that enter the last layer's cross-attention, both of the targets [R,T,D].

        `vectors` [R,T+M+P,D] are the word vectors of [target ; appended ; prompt], `target_mask` [R,T] and
        `prompt_mask` [R,P] boolean token masks; `cross` are each row's `cross_keys_values` (None: the text
        is read without an image). `appended` [R,M] are the
        positions of [MASK]s that are appended to the target (None: there are none); if there are any, the result is
        theirs alone, [R,M,D]. `causal` is described in `attention_mask.py`.
        """
        if appended is None:
            appended = target_mask.new_empty(len(target_mask), 0, dtype=torch.long)
        parts = target_mask, prompt_mask, appended
        position, types = positions(*parts)
        states = attended = self.text.bert.embeddings(
            inputs_embeds=vectors, position_ids=position, token_type_ids=types
        )
        mask = attention_mask(*parts, causal)
        length, extra = target_mask.shape[1], appended.shape[1]
        wanted = slice(length, length + extra) if extra else slice(length)
        for index, layer in enumerate(self.text.bert.layers):
            keys_values = layer.attention.project(states)
            if index + 1 == self.text.config.num_hidden_layers:
                # Nobody reads the other states of the last layer.
                states, mask = states[:, wanted], mask[:, :, wanted]
            attended = layer.attention(states, keys_values, mask)
            states = layer.look(attended, cross[index] if cross is not None else None)
        return states, attended

    def grounding_loss(self, attended: Tensor, keys: Tensor, target_boxes: Tensor) -> Tensor:
        """-log of the share of the last layer's cross-attention that falls into the target box, per word, [A].

        `attended` [A,D] are words' states before that cross-attention (see `forward`), `keys` [A,heads,M,D/heads] the
        keys that they read, `target_boxes` [A,4] their boxes. Attention is the mean over heads; tokens that the region
        prompt appended, and those without a location, do not count. Source: attention supervision, HAN (Qiao et al.
        2018).
        """
        attention = self.text.bert.cross_attentions[-1]
        queries = attention.split(attention.query(attended)[:, None])
        first, end = self.grid.prefix, self.grid.tokens
        scores = queries @ keys[:, :, first:end].transpose(-1, -2) / queries.shape[-1] ** 0.5
        shares = scores.softmax(dim=-1).mean(dim=1)[:, 0]
        inside = coverage(widened(target_boxes), self.cells)
        return -(shares * inside).sum(dim=-1).clamp(min=1e-6).log()

    def logits(self, states: Tensor) -> Tensor:
        """Scores of every word […,V] from states […,D]."""
        return self.text.logits(states)
