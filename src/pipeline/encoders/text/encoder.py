"""Text encoders by name, behind one interface: texts to ids and mask, ids and mask to tokens.

`builtin:bert` is the small one that ships with the package. `hf:<folder or model>` takes a folder below the
repository's root, or a model of the Hugging Face hub: BERT checkpoints run on our own BERT (equal to
transformers', and without its slow import), all others on transformers' AutoModel. Weights are never
replaced by random ones unless the parameters say `weights: random`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.core.errors import UserError
from pipeline.encoders.bert.checkpoint import load_bert
from pipeline.encoders.bert.model import Bert, padding_mask
from pipeline.encoders.common.blocks import text_blocks
from pipeline.encoders.common.params import TextEncoderParams
from pipeline.encoders.common.resolve import resolve
from pipeline.encoders.text.auto_model import load_auto_model

RANDOM_SEED = 0

Encode = Callable[[Sequence[str], int], tuple[np.ndarray, np.ndarray]]
"""Texts and a maximal length to ids and mask, int64 [N,L], with special tokens."""


class TextEncoder(nn.Module):
    """A text encoder.

    model: (ids, mask) to tokens. dim: width of a token. max_length: longest text in tokens. mask_id: id of the token
    that stands for a hidden one, or None.
    """

    def __init__(self, model: nn.Module, encode: Encode, dim: int, max_length: int, mask_id: int | None) -> None:
        super().__init__()
        self.model = model
        self.encode = encode
        self.dim = dim
        self.max_length = max_length
        self.mask_id = mask_id
        self.eval()

    def tokenize(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Ids and mask (1 = token, 0 = padding), int64 [N,L], of texts cut at `max_length` tokens."""
        ids, mask = self.encode(texts, self.max_length)
        return torch.from_numpy(ids), torch.from_numpy(mask)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Tokens [N,L,dim]; those at padding have no meaning."""
        return self.model(ids, mask)


class BertTokens(nn.Module):
    """Our BERT as (ids, mask) to tokens."""

    def __init__(self, bert: Bert) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Tokens [N,L,D] of ids and mask [N,L]."""
        return self.bert(ids, attention_mask=padding_mask(mask))


def load_text_encoder(params: TextEncoderParams, root: Path) -> TextEncoder:
    """The text encoder that the parameters name; paths in them start at `root`, the repository.

    Raises UserError if the name is unknown, files are missing or do not fit, or max_length is too long for
    it.
    """
    resolved = resolve(params, root)
    positions = resolved.config.get("max_position_embeddings", params.max_length)
    if params.max_length > positions:
        raise UserError(
            f"The text encoder '{params.name}' reads no texts of this length.",
            where="max_length",
            expected=f"at most {positions}",
            found=params.max_length,
        )
    with torch.random.fork_rng(devices=[]):
        # Decides the values of an encoder that is to be random; weights overwrite it in any other.
        torch.manual_seed(RANDOM_SEED)
        if resolved.config.get("model_type") == "bert":
            language_model, tokenizer, _ = load_bert(resolved)
            model, encode, mask_id = BertTokens(language_model.bert), tokenizer.encode, tokenizer.mask
            dim = language_model.config.hidden_size
        else:
            model, encode, dim, mask_id = load_auto_model(resolved)
    if params.layers is not None:
        text_blocks(model, "layers").truncate(params.layers, "layers")
    return TextEncoder(model, encode, dim, params.max_length, mask_id)
