"""One layer of BERT, and what it consists of: attention (to itself or to another encoder) and feed-forward.

Projection of keys and values and looking at them are two steps, `project` and `forward`, so that keys and
values can be kept and lengthened (`append`) while a text is decoded word by word.

Attention masks broadcast to [batch, heads, queries, keys]: boolean (True = may be looked at) or additive. A
row in which nothing may be looked at has no defined result.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

KeysValues = tuple[Tensor, Tensor]
"""Keys and values of one attention, each [batch, heads, tokens, head width]."""

ACTIVATIONS = {"gelu": functional.gelu, "relu": functional.relu}


Width = Annotated[int, Field(ge=1, le=65_536)]
Probability = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, config=ConfigDict(strict=True, allow_inf_nan=False))
class BertConfig:
    """Shape of a BERT; the field names are those of transformers' config.json.

    Values that no BERT has raise pydantic's ValidationError, which is a ValueError.
    """

    vocab_size: Annotated[int, Field(ge=1, le=10_000_000)]
    hidden_size: Width = 768
    num_hidden_layers: Annotated[int, Field(ge=1, le=1000)] = 12
    num_attention_heads: Width = 12
    intermediate_size: Width = 3072
    max_position_embeddings: Width = 512
    type_vocab_size: Width = 2
    hidden_act: Literal["gelu", "relu"] = "gelu"
    hidden_dropout_prob: Probability = 0.1
    attention_probs_dropout_prob: Probability = 0.1
    layer_norm_eps: Annotated[float, Field(gt=0, le=1)] = 1e-12
    pad_token_id: Annotated[int, Field(ge=0)] = 0
    add_cross_attention: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(f"{self.num_attention_heads} heads do not divide a hidden size of {self.hidden_size}")
        if self.pad_token_id >= self.vocab_size:
            raise ValueError("pad_token_id lies outside the vocabulary")
        return self


class BertSelfAttention(nn.Module):
    """Multi-head attention without its output projection."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.heads = config.num_attention_heads
        self.dropout_rate = config.attention_probs_dropout_prob
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def split(self, states: Tensor) -> Tensor:
        """[B,N,D] to [B,heads,N,D/heads]."""
        return states.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def project(self, states: Tensor) -> KeysValues:
        """Keys and values of `states` [B,N,D]."""
        return self.split(self.key(states)), self.split(self.value(states))

    def forward(self, states: Tensor, keys_values: KeysValues, mask: Tensor | None = None) -> Tensor:
        """What `states` [B,L,D] find among `keys_values`, [B,L,D]."""
        keys, values = keys_values
        with fastest_kernel(states.device, self.training):
            found = functional.scaled_dot_product_attention(
                self.split(self.query(states)),
                keys,
                values,
                attn_mask=mask,
                dropout_p=self.dropout_rate if self.training else 0.0,
            )
        return found.transpose(1, 2).flatten(2)


def fastest_kernel(device: torch.device, training: bool) -> AbstractContextManager[Any]:
    """The kernel of attention for what comes inside: plain products in training on a CPU, else torch's choice.

    torch chooses its flash kernel on a CPU. For texts of up to a hundred tokens, forwards and backwards, that takes 1.3
    times as long as plain products in float32, and 2 to 5 times as long in bfloat16. The mode decides and not whether
    there are gradients, so that both passes of gradient caching, and an encoder that is frozen, give the same numbers.
    """
    return sdpa_kernel(SDPBackend.MATH) if training and device.type == "cpu" else nullcontext()


class BertOutput(nn.Module):
    """A linear map back to the residual stream: dropout, residual sum, LayerNorm."""

    def __init__(self, config: BertConfig, width_in: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width_in, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, states: Tensor, residual: Tensor) -> Tensor:
        """`states` [B,L,width_in] added to `residual` [B,L,D]."""
        return self.LayerNorm(self.dropout(self.dense(states)) + residual)


class BertAttention(nn.Module):
    """Attention with output projection and residual; as self-attention or as cross-attention."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.self = BertSelfAttention(config)
        self.output = BertOutput(config, config.hidden_size)

    def project(self, states: Tensor) -> KeysValues:
        """Keys and values of `states` [B,N,D], to be looked at by `forward`."""
        return self.self.project(states)

    def forward(self, states: Tensor, keys_values: KeysValues, mask: Tensor | None = None) -> Tensor:
        """`states` [B,L,D] after looking at `keys_values`."""
        return self.output(self.self(states, keys_values, mask), states)


class BertIntermediate(nn.Module):
    """First half of the feed-forward network."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation = ACTIVATIONS[config.hidden_act]

    def forward(self, states: Tensor) -> Tensor:
        """[B,L,D] to [B,L,intermediate]."""
        return self.activation(self.dense(states))


class BertLayer(nn.Module):
    """Self-attention, optional cross-attention, feed-forward network."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = BertAttention(config)
        self.crossattention = BertAttention(config) if config.add_cross_attention else None
        self.intermediate = BertIntermediate(config)
        self.output = BertOutput(config, config.intermediate_size)

    def forward(
        self,
        states: Tensor,
        keys_values: KeysValues,
        mask: Tensor | None = None,
        cross: KeysValues | None = None,
        cross_mask: Tensor | None = None,
    ) -> Tensor:
        """One layer over `states` [B,L,D].

        `keys_values` are what self-attention looks at (`attention.project` of these and of earlier states);
        `cross` are those of the other encoder (`crossattention.project`), or None to skip cross-attention.
        """
        return self.look(self.attention(states, keys_values, mask), cross, cross_mask)

    def look(self, states: Tensor, cross: KeysValues | None = None, cross_mask: Tensor | None = None) -> Tensor:
        """What follows self-attention, [B,L,D] to [B,L,D]: cross-attention and the feed-forward network."""
        if cross is not None:
            if self.crossattention is None:
                raise ValueError("this BERT has no cross-attention (add_cross_attention)")
            states = self.crossattention(states, cross, cross_mask)
        return self.output(self.intermediate(states), states)


def append(past: KeysValues, new: KeysValues) -> KeysValues:
    """Keys and values of past tokens followed by those of new ones."""
    return torch.cat([past[0], new[0]], dim=2), torch.cat([past[1], new[1]], dim=2)
