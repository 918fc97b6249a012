"""Text models of other kinds than BERT, through transformers' AutoModel and AutoTokenizer, from a folder."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import numpy as np
from torch import Tensor, nn

from pipeline.core.errors import UserError
from pipeline.encoders.common.checkpoint import check_finite
from pipeline.encoders.common.resolve import ResolvedEncoder


class AutoTokens(nn.Module):
    """A model of transformers as (ids, mask) to tokens."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Tokens [N,L,D] of ids and mask [N,L]."""
        return self.model(input_ids=ids, attention_mask=mask).last_hidden_state


def load_auto_model(
    resolved: ResolvedEncoder,
) -> tuple[AutoTokens, Callable[[Sequence[str], int], tuple[np.ndarray, np.ndarray]], int, int | None]:
    """Model, encoding function (texts, max_length → ids, mask), width of a token, and the mask token's id or None.

    Raises UserError if the weights lack a parameter of the model or are not finite, or transformers cannot read the
    folder.
    """
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    name, folder = resolved.params.name, resolved.folder
    assert folder is not None
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if resolved.weights is None:
            model: Any = AutoModel.from_config(config)
            missing: list[str] = []
        else:
            model, info = AutoModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
            missing = sorted(key for key in info["missing_keys"] if not key.startswith("pooler."))
    except Exception as error:  # What its hundreds of models raise at a wrong configuration shares no other class.
        raise UserError(
            f"transformers cannot load the text encoder '{name}'.", where=folder, found=str(error)[:300]
        ) from None
    if missing:
        raise UserError(
            f"The weights of the text encoder '{name}' are incomplete.", where=folder, found=f"missing {missing[:5]}"
        )
    check_finite(model.state_dict(), folder)

    lock = Lock()

    def encode(texts: Sequence[str], max_length: int) -> tuple[np.ndarray, np.ndarray]:
        # Padding and truncation are state of the tokenizer, which threads that collate batches would change at once.
        with lock:
            rows = tokenizer(
                list(texts), padding="longest", truncation=True, max_length=max_length, return_tensors="np"
            )
        return rows["input_ids"].astype(np.int64), rows["attention_mask"].astype(np.int64)

    return AutoTokens(model.float()), encode, int(config.hidden_size), tokenizer.mask_token_id
