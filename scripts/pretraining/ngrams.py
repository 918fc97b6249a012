"""Unigram and bigram models: the perplexity that knowing word counts alone reaches."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

Rows = Sequence[Sequence[int]]


def unigram_perplexity(train: Rows, held_out: Rows, vocabulary: int) -> float:
    """Perplexity per token of `held_out` under counts of `train`, one added to each."""
    counts = Counter(token for row in train for token in row)
    total = sum(counts.values()) + vocabulary
    logs = [math.log((counts[token] + 1) / total) for row in held_out for token in row]
    return math.exp(-sum(logs) / len(logs))


def bigram_perplexity(train: Rows, held_out: Rows, vocabulary: int, weight: float = 0.95) -> float:
    """Perplexity per token given the token before (start of text included).

    Probabilities are `weight` times the bigram's relative frequency plus the rest of the unigram's (Jelinek
    and Mercer 1980).
    """
    start = -1
    before = Counter(token for row in train for token in [start, *row][:-1])
    pairs = Counter(pair for row in train for pair in pairwise([start, *row]))
    counts = Counter(token for row in train for token in row)
    total = sum(counts.values()) + vocabulary
    logs = [
        math.log(
            weight * (pairs[first, second] / before[first] if before[first] else 0.0)
            + (1 - weight) * (counts[second] + 1) / total
        )
        for row in held_out
        for first, second in pairwise([start, *row])
    ]
    return math.exp(-sum(logs) / len(logs))
