"""Beam search: the most probable texts, over the same cache as greedy decoding.

Each text of the batch keeps its `beams` most probable unfinished beginnings. In every step each of them is continued by
every word, and the best continuations are kept; those that end are set aside. The result is the ended text with the
highest mean log-probability per word, its end included (a length penalty of 1, as is usual). A text is done when
`beams` texts have ended and no beginning would be better than the worst of them if its next word were a sure end.

With one beam this is greedy decoding. Probabilities are the model's own, over all words.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pipeline.questioner.decoding.kv_cache import DecoderState
from pipeline.questioner.decoding.sampling import DecodedText


@dataclass(frozen=True)
class Hypothesis:
    """A beginning or an ended text: its words, and the log-probability of each (and of the end)."""

    words: tuple[int, ...] = ()
    log_probabilities: tuple[float, ...] = ()

    def then(self, word: int, log_probability: float) -> Hypothesis:
        """The same with one more word."""
        return Hypothesis((*self.words, word), (*self.log_probabilities, log_probability))

    def ended(self, log_probability: float) -> Hypothesis:
        """The same with the end, which is no word."""
        return Hypothesis(self.words, (*self.log_probabilities, log_probability))

    @property
    def score(self) -> float:
        """Mean log-probability."""
        return sum(self.log_probabilities) / len(self.log_probabilities)


@dataclass
class Beam:
    """The beginnings of one text, and its ended ones, best first."""

    beams: int
    running: list[Hypothesis] = field(default_factory=lambda: [Hypothesis()])
    ended: list[Hypothesis] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether enough texts have ended, and no beginning is about to become better than the worst of them."""
        return not self.running or (len(self.ended) >= self.beams and self.best_possible() <= self.ended[-1].score)

    def best_possible(self) -> float:
        """The score of the best beginning if its next word, which ends it, has probability 1."""
        return max(sum(h.log_probabilities) / (len(h.log_probabilities) + 1) for h in self.running)

    def advance(self, log_probabilities: np.ndarray, end: int, limit: int) -> list[int]:
        """Continue the beginnings with words of these `log_probabilities` [beginnings,V]; returns whose continuation
        each new beginning is.
        """
        totals = np.array([sum(h.log_probabilities) for h in self.running])[:, None] + log_probabilities
        best = np.argsort(-totals, axis=None, kind="stable")[: 2 * self.beams]
        continued: list[tuple[int, Hypothesis]] = []
        for origin, word in zip(*(index.tolist() for index in np.unravel_index(best, totals.shape)), strict=True):
            log_probability = float(log_probabilities[origin, word])
            if not np.isfinite(log_probability) or len(continued) == self.beams:
                continue
            if word == end:
                self.ended.append(self.running[origin].ended(log_probability))
            elif len(self.running[origin].words) < limit:
                continued.append((origin, self.running[origin].then(word, log_probability)))
        self.ended = sorted(self.ended, key=lambda hypothesis: -hypothesis.score)[: self.beams]
        self.running = [hypothesis for _, hypothesis in continued]
        return [origin for origin, _ in continued]


def beam_search(
    state: DecoderState, first: Tensor, end: int, never: Tensor, beams: int, limit: int
) -> list[DecodedText]:
    """The best text of each row of `state`, which has read nothing yet.

    `first` [R] are the first words ([CLS]), `never` [V] is -inf for words that are never generated, else 0; `limit` is
    the largest number of words. A row of which no text ended in time gives an empty one.
    """
    texts = [Beam(beams) for _ in range(len(first))]
    words, start = first[:, None], torch.zeros_like(first)
    active = list(range(len(texts)))
    while active:
        scores = state.advance(words, start, torch.ones_like(words).bool()).float()
        log_probabilities = (scores.log_softmax(dim=1) + never).cpu().numpy()
        kept: list[int] = []
        row = 0
        for text in (texts[number] for number in active):
            count = len(text.running)
            kept += [row + origin for origin in text.advance(log_probabilities[row : row + count], end, limit)]
            row += count
            if text.done:
                del kept[len(kept) - len(text.running) :]
        active = [number for number in active if not texts[number].done]
        if not active:
            break
        rows = torch.tensor(kept, device=first.device)
        state.keep(rows)
        start = start[rows] + 1
        words = torch.tensor([h.words[-1] for number in active for h in texts[number].running], device=first.device)
        words = words[:, None]
    return [best_of(text) for text in texts]


def best_of(text: Beam) -> DecodedText:
    """The best ended text; an unfinished one if none ended in time."""
    if not text.ended:
        return DecodedText()
    best = text.ended[0]
    return DecodedText(list(best.words), np.exp(best.log_probabilities).tolist(), ended=True)
