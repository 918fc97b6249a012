"""Masked words, and counting words."""

import math
from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scripts.pretraining.masked_words import IGNORED, MASKED, MaskedWords, mask_words, pseudo_perplexity
from scripts.pretraining.ngrams import bigram_perplexity, unigram_perplexity
from scripts.pretraining.vocabulary import build_vocabulary

from pipeline.encoders.bert.layers import BertConfig
from pipeline.encoders.bert.model import BertLM
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.training.loop import train
from pipeline.training.params import TrainingParams

TEXTS = ["a red circle", "a blue square", "two red squares", "what is blue ?"] * 12
TOKENIZER = Tokenizer(build_vocabulary(TEXTS, 30))


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_mask_words_properties(seed: int, words: int) -> None:
    ids = np.full(15, TOKENIZER.pad)
    ids[: words + 2] = [TOKENIZER.cls, *range(400, 400 + words), TOKENIZER.sep]
    used = (np.arange(15) < words + 2).astype(np.int64)
    hidden, targets = mask_words(ids, used, TOKENIZER, np.random.default_rng(seed))
    chosen = targets != IGNORED
    assert chosen.any()
    assert not chosen[[0, *range(words + 1, 15)]].any()
    np.testing.assert_array_equal(targets[chosen], ids[chosen])
    np.testing.assert_array_equal(hidden[~chosen], ids[~chosen])
    assert not set(hidden[chosen].tolist()) & (TOKENIZER.special - {TOKENIZER.mask})


def test_mask_words_shares() -> None:
    ids = np.concatenate([[TOKENIZER.cls], np.full(20_000, 400), [TOKENIZER.sep]])
    hidden, targets = mask_words(ids, np.ones_like(ids), TOKENIZER, np.random.default_rng(0))
    chosen = targets != IGNORED
    assert abs(chosen.mean() - MASKED) < 0.02
    assert abs((hidden[chosen] == TOKENIZER.mask).mean() - 0.8) < 0.02
    assert abs((hidden[chosen] == 400).mean() - 0.1) < 0.02


def test_objective_learns_and_beats_counting(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = BertConfig(len(TOKENIZER), 32, 1, 2, 32, 16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    model = BertLM(config)
    objective = MaskedWords(model, TOKENIZER, TEXTS, batch_size=16, seed=0, held_out=8)
    before = pseudo_perplexity(model, TOKENIZER, TEXTS[:4])
    params = TrainingParams(seed=0, steps=120, batch_size=16, learning_rate=1e-2, eval_every=120)
    train(objective, params, name="test", fingerprint="x", scratch=tmp_path, device="cpu")
    after = pseudo_perplexity(model, TOKENIZER, TEXTS[:4])
    rows = TOKENIZER.batch_pieces(TEXTS)
    assert after < bigram_perplexity(rows, rows[:4], len(TOKENIZER)) < before


def test_unigram_by_hand() -> None:
    # Counts a:2 b:1, one added to each of 3 words: 3/6, 2/6, 1/6.
    found = unigram_perplexity([[0, 0, 1]], [[0, 1], [2]], vocabulary=3)
    assert math.isclose(found, (3 / 6 * 2 / 6 * 1 / 6) ** (-1 / 3))


def test_bigram_by_hand() -> None:
    # After the start always 0; after 0 once 0, once 1. Mixed with the unigram, weight 0.95.
    found = bigram_perplexity([[0, 0, 1]], [[0, 1]], vocabulary=3)
    first = 0.95 * 1 + 0.05 * 3 / 6
    second = 0.95 * 0.5 + 0.05 * 2 / 6
    assert math.isclose(found, (first * second) ** (-1 / 2))


def test_bigram_of_unseen_words_is_finite() -> None:
    assert math.isfinite(bigram_perplexity([[0]], [[2, 2]], vocabulary=3))
