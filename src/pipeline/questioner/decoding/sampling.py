"""Decoding: top-K sampling and greedy decoding, over sequences that end at different times.

A `StoppingRule` turns a step's scores into a word, the probability that the model gave it, and whether the text stops
here. `decode` runs a batch of sequences under a rule until all have stopped. Stopped sequences are dropped from the
batch as soon as they are an eighth of it, so they cost next to nothing.

There are three rules (`model/model.py` in JADE's published code): captions are sampled among the K best words until
[SEP]; questions likewise, but [SEP] and the separator are never sampled, and the question stops where the separator is
the *best* word; answers take the best word until [SEP]. Special tokens are never generated. Probabilities are the
model's own (temperature 1, all words).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pipeline.core.counter_rng import uniforms
from pipeline.questioner.decoding.kv_cache import DecoderState

DROP_SHARE = 1 / 8


@dataclass(frozen=True)
class DecodingStep:
    """One step of all rows: words [R], their probabilities [R], and which rows stop here, without their word."""

    words: Tensor
    probabilities: Tensor
    stops: Tensor


StoppingRule = Callable[[Tensor, np.ndarray, int], DecodingStep]
"""Scores [R,V], the rows' numbers in the batch [R], and the step's number -> the step."""


@dataclass
class DecodedText:
    """A decoded text: its words, the probability of each word and of the end, and whether it ended in time."""

    words: list[int] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    ended: bool = False

    @property
    def complete(self) -> bool:
        """Whether the text ended in time and has words."""
        return self.ended and bool(self.words)

    def append(self, word: int, probability: float, stops: bool, limit: int) -> bool:
        """Take in one step; returns whether the text goes on. `limit` is the largest number of words."""
        if not stops and len(self.words) >= limit:
            return False
        self.probabilities.append(probability)
        if stops:
            self.ended = True
        else:
            self.words.append(word)
        return not stops


@dataclass(frozen=True)
class TopK:
    """Top-K sampling: K, temperature, and a random stream per row."""

    top_k: int
    temperature: float
    streams: Sequence[int]

    def draw(self, scores: Tensor, rows: np.ndarray, step: int) -> Tensor:
        """A word [R] for each row of `scores` [R,V]; the `step`-th number of the row's stream decides."""
        best, words = scores.topk(self.top_k, dim=1)
        cumulative = (best.double() / self.temperature).softmax(dim=1).cumsum(dim=1)
        streams = np.asarray(self.streams, dtype=np.uint64)[rows]
        uniform = torch.from_numpy(uniforms(streams, step, 1)).to(cumulative.device)
        rank = (cumulative <= uniform * cumulative[:, -1:]).sum(dim=1, keepdim=True).clamp(max=self.top_k - 1)
        return words.gather(1, rank)[:, 0]


def sampled_until(end: int, never: Tensor, sampling: TopK) -> StoppingRule:
    """Sampled words until `end` is drawn. `never` [V] is -inf for words that are never generated, else 0."""

    def rule(scores: Tensor, rows: np.ndarray, step: int) -> DecodingStep:
        words = sampling.draw(scores + never, rows, step)
        return DecodingStep(words, probability(scores, words), words == end)

    return rule


def sampled_until_best(end: int, never: Tensor, sampling: TopK) -> StoppingRule:
    """Sampled words until `end`, which is never drawn, is the best word."""
    never_drawn = never.clone()
    never_drawn[end] = -torch.inf

    def rule(scores: Tensor, rows: np.ndarray, step: int) -> DecodingStep:
        stops = (scores + never).argmax(dim=1) == end
        words = torch.where(stops, end, sampling.draw(scores + never_drawn, rows, step))
        return DecodingStep(words, probability(scores, words), stops)

    return rule


def best_until(end: int, never: Tensor) -> StoppingRule:
    """The best word (greedy decoding) until that is `end`."""

    def rule(scores: Tensor, rows: np.ndarray, step: int) -> DecodingStep:
        words = (scores + never).argmax(dim=1)
        return DecodingStep(words, probability(scores, words), words == end)

    return rule


def probability(scores: Tensor, words: Tensor) -> Tensor:
    """The softmax probability of one word per row."""
    scores = scores.float()
    return (scores.gather(1, words[:, None])[:, 0] - scores.logsumexp(dim=1)).exp()


def decode(
    state: DecoderState, words: Tensor, valid: Tensor, rule: StoppingRule, limits: np.ndarray
) -> list[DecodedText]:
    """Read `words` [R,n] (right-aligned, `valid` False for padding), then decode until each row stops.

    `limits` [R] is the largest number of words per row, without the end; a row that reaches it has not `ended`.
    """
    texts = [DecodedText() for _ in range(len(words))]
    rows = np.arange(len(words))
    alive = np.ones(len(words), dtype=bool)
    start = torch.zeros(len(words), dtype=torch.long, device=words.device)
    lengths = valid.sum(dim=1)
    for number in range(int(limits.max(initial=0)) + 1):
        step = rule(state.advance(words, start, valid), rows, number)
        chosen, probabilities, stops = (part.tolist() for part in (step.words, step.probabilities, step.stops))
        for index in np.flatnonzero(alive):
            row = rows[index]
            alive[index] = texts[row].append(chosen[index], probabilities[index], stops[index], int(limits[row]))
        if not alive.any():
            break
        words, valid, start = step.words[:, None], torch.ones_like(valid[:, :1]), start + lengths
        lengths = torch.ones_like(lengths)
        if (~alive).sum() >= DROP_SHARE * len(alive):
            kept = torch.from_numpy(np.flatnonzero(alive)).to(words.device)
            state.keep(kept)
            words, valid, start, lengths = words[kept], valid[kept], start[kept], lengths[kept]
            rows, alive = rows[alive], alive[alive]
    return texts
