"""Choosing words: top-K sampling and greedy writing, over sequences that end at different times.

A `Rule` turns scores into a word, the probability that the model gave it, and whether the text ends here.
`write` runs a batch of sequences under a rule until all have ended; ended ones are dropped from the batch as
soon as they are an eighth of it, so they cost nothing.

Three rules (JADE, `model/model.py`): captions are sampled among the K best words until [SEP]; questions
likewise, but [SEP] and the separator are never sampled, and the question ends where the separator is the
*best* word; answers take the best word until [SEP]. Special tokens are never written. Probabilities are the
model's own (temperature 1, all words).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pipeline.questioner.decoding.counter_rng import uniforms
from pipeline.questioner.decoding.kv_cache import Sequences

DROP_SHARE = 1 / 8


@dataclass(frozen=True)
class Choice:
    """One step's words [R], their probabilities [R], and which rows end with (and without writing) this
    word."""

    words: Tensor
    probabilities: Tensor
    ends: Tensor


Rule = Callable[[Tensor, np.ndarray, int], Choice]
"""Scores [R,V], the rows' numbers in the batch [R], the step -> what to write."""


@dataclass
class Written:
    """A generated text: its words, one probability per word and for the end, and whether it ended in time."""

    words: list[int] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    ended: bool = False


@dataclass(frozen=True)
class Sampling:
    """Top-K sampling: K, temperature, and a random stream per row."""

    top_k: int
    temperature: float
    streams: Sequence[int]

    def draw(self, scores: Tensor, rows: np.ndarray, step: int) -> Tensor:
        """A word [R] for each row of `scores` [R,V]; a stream's `step`-th number decides."""
        best, words = scores.topk(self.top_k, dim=1)
        shares = (best.double() / self.temperature).softmax(dim=1).cumsum(dim=1)
        streams = np.asarray(self.streams, dtype=np.uint64)[rows]
        drawn = torch.from_numpy(uniforms(streams, step, 1)).to(shares.device)
        place = (shares <= drawn * shares[:, -1:]).sum(dim=1, keepdim=True).clamp(max=self.top_k - 1)
        return words.gather(1, place)[:, 0]


def sampled_until(end: int, never: Tensor, sampling: Sampling) -> Rule:
    """Sampled words until `end` is drawn. `never` [V] is -inf for words that are never written, else 0."""

    def rule(scores: Tensor, rows: np.ndarray, step: int) -> Choice:
        words = sampling.draw(scores + never, rows, step)
        return Choice(words, probability(scores, words), words == end)

    return rule


def sampled_until_best(end: int, never: Tensor, sampling: Sampling) -> Rule:
    """Sampled words until `end`, which is never drawn, is the best word."""
    never_drawn = never.clone()
    never_drawn[end] = -torch.inf

    def rule(scores: Tensor, rows: np.ndarray, step: int) -> Choice:
        ends = (scores + never).argmax(dim=1) == end
        words = torch.where(ends, end, sampling.draw(scores + never_drawn, rows, step))
        return Choice(words, probability(scores, words), ends)

    return rule


def best_until(end: int, never: Tensor) -> Rule:
    """The best word until that is `end`."""

    def rule(scores: Tensor, rows: np.ndarray, step: int) -> Choice:
        words = (scores + never).argmax(dim=1)
        return Choice(words, probability(scores, words), words == end)

    return rule


def probability(scores: Tensor, words: Tensor) -> Tensor:
    """The softmax probability of one word per row."""
    scores = scores.float()
    return (scores.gather(1, words[:, None])[:, 0] - scores.logsumexp(dim=1)).exp()


def write(sequences: Sequences, words: Tensor, valid: Tensor, rule: Rule, limits: np.ndarray) -> list[Written]:
    """Read `words` [R,n] (right-aligned, `valid` False for padding), then write until each row ends.

    `limits` [R] is the largest number of words per row, the end not counted; a row that reaches it has not
    `ended`.
    """
    texts = [Written() for _ in range(len(words))]
    rows = np.arange(len(words))
    alive = np.ones(len(words), dtype=bool)
    start = torch.zeros(len(words), dtype=torch.long, device=words.device)
    lengths = valid.sum(dim=1)
    for step in range(int(limits.max(initial=0)) + 1):
        choice = rule(sequences.advance(words, start, valid), rows, step)
        chosen, ends = choice.words.cpu().numpy(), choice.ends.cpu().numpy()
        shares = choice.probabilities.cpu().numpy()
        for index in np.flatnonzero(alive):
            row = rows[index]
            alive[index] = note(texts[row], chosen[index], shares[index], ends[index], int(limits[row]))
        if not alive.any():
            break
        words, valid, start = choice.words[:, None], torch.ones_like(valid[:, :1]), start + lengths
        lengths = torch.ones_like(lengths)
        if (~alive).sum() >= DROP_SHARE * len(alive):
            kept = torch.from_numpy(np.flatnonzero(alive)).to(words.device)
            sequences.keep(kept)
            words, valid, start, lengths = words[kept], valid[kept], start[kept], lengths[kept]
            rows, alive = rows[alive], alive[alive]
    return texts


def note(text: Written, word: int, share: float, ends: bool, limit: int) -> bool:
    """Append one step to a text; returns whether the text goes on."""
    if not ends and len(text.words) >= limit:
        return False
    text.probabilities.append(float(share))
    if ends:
        text.ended = True
    else:
        text.words.append(int(word))
    return not ends
