"""A tiny questioner with random weights."""

from __future__ import annotations

import torch
from scripts.pretraining.vocabulary import build_vocabulary
from torch import Tensor

from pipeline.encoders.bert.layers import BertConfig
from pipeline.encoders.bert.model import BertLM
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.region_prompt import TokenGrid

WORDS = (
    "generate region caption question answer pair what how where who why when yes no other a red green blue "
    "square circle left right of the is colour many two three above below on shape"
)
GRID = TokenGrid(rows=3, columns=2, prefix=1)
VISION_WIDTH = 10


def tokenizer() -> Tokenizer:
    return Tokenizer(build_vocabulary([WORDS], 100))


def prompts(max_tokens: int = 30) -> Prompts:
    return Prompts(tokenizer(), max_tokens)


def questioner(seed: int = 0, roi_tokens: bool = True, sharpness: float = 25.0, ending: float = 4.0) -> Questioner:
    """Random weights in float64; large ones, so that its choices depend on all that it sees.

    The words that end texts get a bias, so that texts end now and then.
    """
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer()),
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=40,
        max_position_embeddings=80,
        add_cross_attention=True,
    )
    model = Questioner(BertLM(config), VISION_WIDTH, GRID, roi_tokens).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(sharpness)
        model.text.cls.predictions.bias[[tokenizer().sep, tokenizer().unused(1)]] += ending
    return model


def images(count: int, seed: int = 1) -> Tensor:
    """Random image tokens [count,N,W]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, GRID.tokens, VISION_WIDTH, generator=generator, dtype=torch.float64)
