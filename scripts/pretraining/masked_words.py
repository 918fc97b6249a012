"""Masked language modelling: hide words of a text and predict them from the rest (Devlin et al. 2019).

Of the tokens between [CLS] and [SEP], each is chosen with probability `MASKED`, at least one per text; of
the chosen, 80 % become [MASK], 10 % a random token, 10 % stay. The loss is the cross-entropy at chosen
tokens. More is hidden than BERT's 15 %, since texts are short and the training too (Wettig et al. 2023 find
40 % better).
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.encoders.bert.model import BertLM, padding_mask
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.training.distributed import ALONE, World
from pipeline.training.objective import Objective

MASKED = 0.3
IGNORED = -100
VALIDATION_STEP = 2**40
"""A step that no training reaches: the validation's masks follow from it."""


class MaskedWords(Objective):
    """A BERT with texts; the last `held_out` of them serve for validation."""

    monitor: ClassVar[str] = "right"

    def __init__(
        self,
        model: BertLM,
        tokenizer: Tokenizer,
        texts: Sequence[str],
        batch_size: int,
        seed: int,
        held_out: int = 512,
    ) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        longest = model.config.max_position_embeddings - 2
        self.rows = [[tokenizer.cls, *ids[:longest], tokenizer.sep] for ids in tokenizer.batch_pieces(texts) if ids]
        self.batch_size, self.seed, self.held_out = batch_size, seed, held_out

    def batch(self, step: int) -> Sequence[tuple[int, int]]:
        """Place in the batch and index of texts drawn for this step."""
        rng = np.random.default_rng([self.seed, step])
        return list(enumerate(rng.integers(0, len(self.rows) - self.held_out, self.batch_size).tolist()))

    def collate(self, items: Sequence[tuple[int, int]], step: int) -> dict[str, Tensor]:
        """Ids with hidden words, token mask and targets [B,L]."""
        ids, mask = self.tokenizer.pad_rows([self.rows[index] for _, index in items])
        pairs = [
            mask_words(row, used, self.tokenizer, np.random.default_rng([self.seed, step, place]))
            for (place, _), row, used in zip(items, ids, mask, strict=True)
        ]
        hidden, targets = (np.stack(part) for part in zip(*pairs, strict=True))
        return {name: torch.from_numpy(part) for name, part in [("ids", hidden), ("mask", mask), ("to", targets)]}

    def outputs(self, micro: Any) -> dict[str, Tensor]:
        """Summed loss, number of hidden words and of those predicted right, per text [B]."""
        hidden = micro["to"] != IGNORED
        states = self.model.bert(micro["ids"], attention_mask=padding_mask(micro["mask"]))
        logits = self.model.logits(states[hidden])
        right = micro["to"][hidden]
        loss = torch.zeros(hidden.shape, device=logits.device)
        loss = loss.masked_scatter(hidden, functional.cross_entropy(logits, right, reduction="none"))
        hits = torch.zeros(hidden.shape, device=logits.device).masked_scatter(
            hidden, (logits.argmax(-1) == right).float()
        )
        return {"loss": loss.sum(1), "count": hidden.sum(1).float(), "hits": hits.sum(1)}

    def losses(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Mean cross-entropy of the hidden words."""
        return {"masked_words": outputs["loss"].sum() / outputs["count"].sum()}

    def validate(self, processes: World = ALONE) -> dict[str, float]:
        """Percentage of hidden words of held-out texts that are predicted right."""
        items = list(enumerate(range(len(self.rows) - self.held_out, len(self.rows))))
        outputs = self.outputs(self.collate(items, VALIDATION_STEP))
        return {"right": 100 * (outputs["hits"].sum() / outputs["count"].sum()).item()}


def mask_words(
    ids: np.ndarray, mask: np.ndarray, tokenizer: Tokenizer, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Ids [L] with words hidden, and targets [L]: the original id where a word was chosen, else IGNORED."""
    candidates = (mask == 1) & (ids != tokenizer.cls) & (ids != tokenizer.sep)
    score = np.where(candidates, rng.random(ids.shape), np.inf)
    chosen = candidates & ((score < MASKED) | (score == score.min()))
    fate = rng.random(ids.shape)
    random_ids = rng.integers(len(tokenizer.special), len(tokenizer), size=ids.shape)
    hidden = np.where(chosen & (fate < 0.8), tokenizer.mask, ids)
    hidden = np.where(chosen & (fate >= 0.9), random_ids, hidden)
    return hidden, np.where(chosen, ids, IGNORED)


@torch.no_grad()
def pseudo_perplexity(model: BertLM, tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """exp of the mean negative log-likelihood of each token given all others of its text (Salazar et al. 2020)."""
    total, count = 0.0, 0
    for row in tokenizer.batch_pieces(texts):
        ids = torch.tensor([[tokenizer.cls, *row, tokenizer.sep]]).repeat(len(row), 1)
        places = torch.arange(len(row))
        ids[places, places + 1] = tokenizer.mask
        logits = model.logits(model.bert(ids)[places, places + 1])
        total += functional.cross_entropy(logits, torch.tensor(row), reduction="sum").item()
        count += len(row)
    return math.exp(total / count)
