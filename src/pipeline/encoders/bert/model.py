"""BERT in plain torch: text in, one vector per token out, optionally looking at image tokens.

It is written by hand instead of taken from transformers because decoding many texts of one image reaches into it: the
projection of the image's keys and values is shared by all boxes, prompts are read in one pass, the queries of texts
that look at the same box are stacked, and the last layer is pruned to the words that are predicted.

Each layer is the post-norm Transformer layer of BERT (Devlin et al. 2019): self-attention, then, where the
configuration asks for it, cross-attention to the states of another encoder, then a feed-forward network;
every one is followed by dropout, a residual sum and a LayerNorm. The language-model head is tied to the
word embeddings. Parameter names are those of transformers' BertModel and BertLMHeadModel, so their
checkpoints load (`pipeline.encoders.bert.checkpoint`).

Decoding word by word needs the keys and values of what was read before. `Bert.run_layers` is the whole
computation in one place: it takes the keys and values of earlier tokens (`past`) and of the other encoder
(`cross`, projected once by `project_encoder`), and returns those of all tokens so far. A full forward pass is
the same call without a past.

Attention masks broadcast to [batch, heads, queries, keys]: boolean (True = may be looked at) or additive.
With a past, keys cover the past first and then the new tokens. A row in which nothing may be looked at has
no defined result.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.encoders.bert.layers import ACTIVATIONS, BertConfig, BertLayer, BertSelfAttention, KeysValues, append


class BertEmbeddings(nn.Module):
    """Sum of word, position and type embeddings, normalised."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, width, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        input_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        position_ids: Tensor | None = None,
        token_type_ids: Tensor | None = None,
    ) -> Tensor:
        """Embed ids [B,L], or word vectors [B,L,D] in their place, to [B,L,D].

        Positions default to 0, 1, 2 …, types to 0; both may be [L] or [B,L].
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        if position_ids is None:
            position_ids = torch.arange(words.shape[1], device=words.device)
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(position_ids)
        # The order of the sum is transformers', for equality to the last bit.
        summed = words + self.token_type_embeddings(token_type_ids)
        summed = summed + self.position_embeddings(position_ids)
        return self.dropout(self.LayerNorm(summed))


class BertEncoder(nn.Module):
    """The stack of layers (a module of its own only for the parameters' names)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(BertLayer(config) for _ in range(config.num_hidden_layers))


class Bert(nn.Module):
    """Embeddings and layers."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = BertEmbeddings(config)
        self.encoder = BertEncoder(config)
        self.apply(initialise)

    @property
    def layers(self) -> list[BertLayer]:
        """The layers, first to last."""
        return [layer for layer in self.encoder.layer if isinstance(layer, BertLayer)]

    @property
    def cross_attentions(self) -> list[BertSelfAttention]:
        """The layers' attentions to another encoder's states."""
        return [layer.crossattention.self for layer in self.layers if layer.crossattention is not None]

    def project_encoder(self, encoder_states: Tensor) -> list[KeysValues]:
        """Cross-attention keys and values of every layer for `encoder_states` [B,N,D]."""
        return self.split_projection(functional.linear(encoder_states, *self.encoder_projection()))

    def encoder_projection(self) -> tuple[Tensor, Tensor]:
        """Matrix and bias of keys and values of every layer's cross-attention, one under the other."""
        maps = [linear for attention in self.cross_attentions for linear in (attention.key, attention.value)]
        return torch.cat([linear.weight for linear in maps]), torch.cat([linear.bias for linear in maps])

    def split_projection(self, projected: Tensor) -> list[KeysValues]:
        """Keys and values of every layer from what `encoder_projection` gives of tokens, [B,N,layers · 2 · D]."""
        parts = iter(projected.split(self.config.hidden_size, dim=-1))
        return [(one.split(next(parts)), one.split(next(parts))) for one in self.cross_attentions]

    def run_layers(
        self,
        states: Tensor,
        mask: Tensor | None = None,
        past: Sequence[KeysValues] | None = None,
        cross: Sequence[KeysValues] | None = None,
        cross_mask: Tensor | None = None,
    ) -> tuple[Tensor, list[KeysValues]]:
        """All layers over embedded new tokens `states` [B,L,D].

        Returns the new tokens' final states [B,L,D] and, per layer, the keys and values of past and new
        tokens together: the `past` of the next call.
        """
        so_far: list[KeysValues] = []
        for index, layer in enumerate(self.layers):
            own = layer.attention.project(states)
            if past is not None:
                own = append(past[index], own)
            so_far.append(own)
            states = layer(states, own, mask, cross[index] if cross is not None else None, cross_mask)
        return states, so_far

    def forward(
        self,
        input_ids: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        position_ids: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        encoder_states: Tensor | None = None,
        encoder_mask: Tensor | None = None,
    ) -> Tensor:
        """Token states [B,L,D] of ids [B,L] (or word vectors [B,L,D])."""
        states = self.embeddings(input_ids, inputs_embeds, position_ids, token_type_ids)
        cross = None if encoder_states is None else self.project_encoder(encoder_states)
        return self.run_layers(states, attention_mask, None, cross, encoder_mask)[0]


class BertTransform(nn.Module):
    """Hidden layer of the language-model head."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = ACTIVATIONS[config.hidden_act]
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, states: Tensor) -> Tensor:
        """[…,D] to […,D]."""
        return self.LayerNorm(self.activation(self.dense(states)))


class BertPredictions(nn.Module):
    """Language-model head without the word matrix, which is the embeddings'."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.transform = BertTransform(config)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))


class BertHead(nn.Module):
    """Holder of `predictions` (for the parameters' names)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.predictions = BertPredictions(config)


class BertLM(nn.Module):
    """BERT with a language-model head."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.bert = Bert(config)
        self.cls = BertHead(config)
        self.cls.apply(initialise)

    def logits(self, states: Tensor) -> Tensor:
        """Scores of every word, […,V], from final states […,D]."""
        head = self.cls.predictions
        return functional.linear(head.transform(states), self.bert.embeddings.word_embeddings.weight, head.bias)


def padding_mask(mask: Tensor) -> Tensor:
    """Attention mask [B,1,1,L] (boolean) from a token mask [B,L] (1 = token, 0 = padding)."""
    return mask.bool()[:, None, None, :]


def initialise(module: nn.Module) -> None:
    """BERT's initialisation: normal with deviation 0.02, biases 0 (Devlin et al. 2019)."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
        if module.padding_idx is not None:
            with torch.no_grad():
                module.weight[module.padding_idx].zero_()
