"""JADE's questioner: image tokens, an adapter, and a BERT that looks at them in every layer.

Image tokens [I,N,W] of the vision encoder are whitened, go through a linear map and a LayerNorm, and get a type
vector and a vector of their place in the image (`adapt`); the region cue turns them into what one box's sequences
look at (`see`). The text model reads [target ; prompt] under the four-part mask (see `masks.py`); positions restart
in the prompt, whose token type is 1; BERT's masked-language-model head says the hidden words.

The vision encoder itself is not part of this module, so that its tokens may be computed once and kept.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.encoders.bert.layers import KeysValues
from pipeline.encoders.bert.model import BertLM
from pipeline.encoders.common.token_norm import Whitening
from pipeline.questioner.model.attention_mask import four_part_mask, positions
from pipeline.questioner.model.region_prompt import (
    CUE_SCALE,
    FEATURES,
    RegionCue,
    TokenGrid,
    corner_features,
    coverage,
    widened,
)

ADAPTER_EPSILON = 1e-12


class Questioner(nn.Module):
    """The model after the vision encoder.

    `vision_width` is the width W of the encoder's tokens, `grid` their places, `feature_cue` whether boxes
    are marked on the tokens (else the prompt's coordinates, or the image itself, are the only cue).
    """

    places: Tensor
    cells: Tensor

    def __init__(self, text: BertLM, vision_width: int, grid: TokenGrid, feature_cue: bool) -> None:
        super().__init__()
        width = text.config.hidden_size
        self.text = text
        self.whiten = Whitening(vision_width)
        self.adapter = nn.Linear(vision_width, width)
        self.norm = nn.LayerNorm(width, eps=ADAPTER_EPSILON)
        self.image_type = nn.Parameter(torch.randn(width) * CUE_SCALE)
        self.corners = nn.Linear(FEATURES, width)
        # Vectors of places of deviation 1, as the tokens have: with weaker ones `where` is learnt late.
        nn.init.normal_(self.corners.weight, std=(2 / FEATURES) ** 0.5)
        self.cue = RegionCue(width, grid) if feature_cue else None
        self.grid = grid
        self.register_buffer("places", corner_features(grid.places()), persistent=False)
        self.register_buffer("cells", grid.cells(), persistent=False)

    def adapt(self, tokens: Tensor) -> Tensor:
        """Image tokens [I,N,W] in the text model's width, with their places, [I,N,D]."""
        places = self.corners(self.places.to(tokens.dtype))
        return self.norm(self.adapter(self.whiten(tokens))) + self.image_type + places

    def see(self, visual: Tensor, image_of_row: Tensor, boxes: Tensor) -> Tensor:
        """What the sequences of each row look at, [R,M,D], from adapted tokens `visual` [I,N,D].

        M is N, or more with the feature cue.
        `image_of_row` [R] and `boxes` [R,4] (fractions of the image) name the rows' images and regions.
        """
        if self.cue is None:
            return visual[image_of_row]
        return self.cue(visual, image_of_row, boxes, self.corners)

    def look(self, seen: Tensor) -> list[KeysValues]:
        """Cross-attention keys and values of every layer for `seen` [R,M,D]."""
        return self.text.bert.project_encoder(seen)

    def look_at(self, visual: Tensor, image_of_row: Tensor, boxes: Tensor) -> list[KeysValues]:
        """`look` of what `see` gives, at the cost of one projection per image."""
        weight, bias = self.text.bert.encoder_projection()
        projected = functional.linear(visual, weight, bias)
        if self.cue is None:
            rows = projected[image_of_row]
        else:
            rows = self.cue(projected, image_of_row, boxes, self.corners, lambda v: functional.linear(v, weight))
        return self.text.bert.split_projection(rows)

    def words(self, ids: Tensor) -> Tensor:
        """Word vectors [R,L,D] of ids [R,L]."""
        return self.text.bert.embeddings.word_embeddings(ids)

    def forward(
        self,
        words: Tensor,
        target_mask: Tensor,
        prompt_mask: Tensor,
        cross: Sequence[KeysValues],
        copies: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Final states of the targets [R,T,D], and those with which they looked at the image last [R,T,D]; where
        [MASK]s were appended, of these, [R,M,D].

        `words` [R,T+M+P,D] are the word vectors of [target ; copies ; prompt], `target_mask` [R,T] and `prompt_mask`
        [R,P] boolean token masks, `copies` [R,M] the positions of appended [MASK]s (None: there are none); `cross` as
        `look` gives it, per row.
        """
        if copies is None:
            copies = target_mask.new_empty(len(target_mask), 0, dtype=torch.long)
        parts = target_mask, prompt_mask, copies
        position, kind = positions(*parts)
        states = looking = self.text.bert.embeddings(inputs_embeds=words, position_ids=position, token_type_ids=kind)
        mask = four_part_mask(*parts)
        length, appended = target_mask.shape[1], copies.shape[1]
        asked = slice(length, length + appended) if appended else slice(length)
        for index, layer in enumerate(self.text.bert.layers):
            keys_values = layer.attention.project(states)
            if index + 1 == self.text.config.num_hidden_layers:
                # Of the last layer only what is asked is wanted.
                states, mask = states[:, asked], mask[:, :, asked]
            looking = layer.attention(states, keys_values, mask)
            states = layer.look(looking, cross[index])
        return states, looking

    def missed(self, looking: Tensor, keys: Tensor, aims: Tensor) -> Tensor:
        """-log of the attention that the last layer pays to the aims [A,4], of all that it pays to the image's tokens.

        `looking` [A,D] are words' states as `forward` gives them, `keys` [A,heads,M,D/heads] those of their views.
        Attention is the mean over heads; tokens appended for a region, and those without a place, do not count.
        """
        attention = self.text.bert.cross_attentions[-1]
        queries = attention.split(attention.query(looking)[:, None])
        first, end = self.grid.prefix, self.grid.tokens
        scores = queries @ keys[:, :, first:end].transpose(-1, -2) / queries.shape[-1] ** 0.5
        paid = scores.softmax(dim=-1).mean(dim=1)[:, 0]
        inside = coverage(widened(aims), self.cells)
        return -(paid * inside).sum(dim=-1).clamp(min=1e-6).log()

    def logits(self, states: Tensor) -> Tensor:
        """Scores of every word […,V] from states […,D]."""
        return self.text.logits(states)
