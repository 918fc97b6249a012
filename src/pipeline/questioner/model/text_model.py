"""The questioner's text model: a BERT by name, with fresh cross-attention.

BERT draws fresh weights with deviation 0.02, whatever the width. In a narrow model that makes attention uniform and
its gradient tiny; the fresh layers are drawn with deviation 1 / sqrt(width) instead (LeCun et al. 1998), which keeps
the scale of what passes through.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from pipeline.core.errors import UserError
from pipeline.encoders.bert.checkpoint import load_bert
from pipeline.encoders.bert.layers import BertSelfAttention
from pipeline.encoders.bert.model import BertLM
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.encoders.common.params import TextEncoderParams
from pipeline.encoders.common.resolve import resolve
from pipeline.questioner.model.params import TextModelParams
from pipeline.questioner.model.prompts import longest_prompt


def load_text_model(params: TextModelParams, max_tokens: int, root: Path, seed: int) -> tuple[BertLM, Tokenizer]:
    """The BERT that the parameters name, with cross-attention, and its tokenizer.

    What the checkpoint lacks is drawn from `seed`. Raises UserError if the model is missing, is not a BERT, has fewer
    layers than asked for, or cannot read prompts of this length.
    """
    named = TextEncoderParams(name=params.name, weights=params.weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, tokenizer, fresh = load_bert(resolve(named, root), cross_attention=True)
        draw_cross_attention(model, set(fresh))
    config = model.config
    if params.layers is not None and params.layers > config.num_hidden_layers:
        raise UserError(
            f"The text model '{params.name}' has fewer layers.",
            where="model.text.layers",
            expected=f"at most {config.num_hidden_layers}",
            found=params.layers,
        )
    if longest_prompt(tokenizer, max_tokens) > config.max_position_embeddings:
        raise UserError(
            f"The text model '{params.name}' cannot read prompts of this length.",
            where="samples.max_tokens",
            expected=f"prompts of at most {config.max_position_embeddings} tokens",
            found=longest_prompt(tokenizer, max_tokens),
            fix="lower samples.max_tokens",
        )
    return with_dropout(shortened(model, params.layers or config.num_hidden_layers), params.dropout), tokenizer


def draw_cross_attention(model: BertLM, fresh: Collection[str]) -> None:
    """Draw the matrices of cross-attention among the parameters named in `fresh`, from torch's random state."""
    for name, parameter in model.named_parameters():
        if ".crossattention." in name and name in fresh and parameter.ndim == 2:
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)


def shortened(model: BertLM, layers: int) -> BertLM:
    """The model with its first layers only."""
    model.config = model.bert.config = replace(model.config, num_hidden_layers=layers)
    model.bert.encoder.layer = model.bert.encoder.layer[:layers]
    return model


def with_dropout(model: BertLM, dropout: float) -> BertLM:
    """The model with this dropout probability everywhere."""
    model.config = model.bert.config = replace(
        model.config, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout
    )
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = dropout
        elif isinstance(module, BertSelfAttention):
            module.dropout_rate = dropout
    return model
