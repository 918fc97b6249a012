"""Masked language modelling: hide words of a text and predict them from the rest (Devlin et al. 2019).

Of the tokens between [CLS] and [SEP], each is chosen with probability `MASKED`, at least one per text; of the
chosen, 80 % become [MASK], 10 % a random token, 10 % stay. The loss is the cross-entropy at chosen tokens. Texts
here are short, so more is hidden than BERT's 15 % (Wettig et al. 2023 find 40 % better for short training).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.encoders.bert import BertLM, padding_mask
from pipeline.encoders.tokenizer import Tokenizer

MASKED = 0.3
IGNORED = -100


@dataclass(frozen=True)
class MaskedWordsTraining:
    """Length and pace of the training."""

    steps: int = 1500
    batch_size: int = 192
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    gradient_clip: float = 1.0
    seed: int = 0


def mask_words(
    ids: np.ndarray, mask: np.ndarray, tokenizer: Tokenizer, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Ids [B,L] with words hidden, and targets [B,L]: the original id where a word was chosen, else IGNORED."""
    candidates = (mask == 1) & (ids != tokenizer.cls) & (ids != tokenizer.sep)
    score = np.where(candidates, rng.random(ids.shape), np.inf)
    chosen = (score < MASKED) | ((score == score.min(axis=1, keepdims=True)) & candidates)
    fate = rng.random(ids.shape)
    random_ids = rng.integers(len(tokenizer.special), len(tokenizer), size=ids.shape)
    hidden = np.where(chosen & (fate < 0.8), tokenizer.mask, ids)
    hidden = np.where(chosen & (fate >= 0.9), random_ids, hidden)
    return hidden, np.where(chosen, ids, IGNORED)


def masked_loss(model: BertLM, hidden: np.ndarray, mask: np.ndarray, targets: np.ndarray) -> Tensor:
    """Mean cross-entropy at the chosen tokens."""
    chosen = torch.from_numpy(targets != IGNORED)
    states = model.bert(torch.from_numpy(hidden), attention_mask=padding_mask(torch.from_numpy(mask)))
    return functional.cross_entropy(model.logits(states[chosen]), torch.from_numpy(targets)[chosen])


def train_masked_words(
    model: BertLM,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    training: MaskedWordsTraining,
    tell: Callable[[int, float], None],
) -> None:
    """Train `model` in place; `tell(step, loss)` is called after every step."""
    rows = [[tokenizer.cls, *ids, tokenizer.sep] for ids in tokenizer.batch_pieces(texts)]
    longest = model.config.max_position_embeddings
    rng = np.random.default_rng([training.seed, 0])
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=training.learning_rate, betas=(0.9, 0.98), weight_decay=training.weight_decay
    )
    model.train()
    for step in range(training.steps):
        for group in optimiser.param_groups:
            group["lr"] = training.learning_rate * schedule(step, training.steps, training.warmup_steps)
        batch = [rows[index][:longest] for index in rng.integers(0, len(rows), training.batch_size)]
        ids, mask = tokenizer.pad_rows(batch)
        hidden, targets = mask_words(ids, mask, tokenizer, rng)
        loss = masked_loss(model, hidden, mask, targets)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip)
        optimiser.step()
        tell(step, loss.item())
    model.eval()


def schedule(step: int, steps: int, warmup: int) -> float:
    """Share of the peak learning rate: linear warm-up, then half a cosine."""
    return min(1.0, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * step / steps))


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
