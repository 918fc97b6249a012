"""CIDEr-D: how many of the references' informative n-grams a caption has (Vedantam et al. 2015).

For n = 1 … 4 a text becomes a vector of its n-grams' counts, each times log(N / df): df of the N items have a reference
with that n-gram. The score of a caption against one reference is, for each n,

    Σ min(c, r) · r / (‖c‖ · ‖r‖) · exp(-(l_c - l_r)² / (2 · 6²))

with lengths l in bigrams (so in the official tool); then the mean over n and over references, times 10. As is usual,
the mean over captions is given times 100, so a perfect caption scores up to 1000.

The values are those of `pycocoevalcap` (a test holds golden ones), apart from its tokeniser: texts here are already
words separated by blanks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LONGEST = 4
LENGTH_DEVIATION = 6.0


@dataclass(frozen=True)
class Weighted:
    """A text's weighted n-grams and their norm, by n; its length in bigrams."""

    grams: tuple[dict[str, float], ...]
    norms: tuple[float, ...]
    length: int


def cider(captions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """CIDEr-D of captions, times 100: the mean of `cider_scores`, which says what is given and raised."""
    scores = cider_scores(captions, references)
    return math.fsum(scores) / len(scores)


def cider_scores(captions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """CIDEr-D of each caption, times 100. references: those of each caption, at least one each.

    Raises ValueError if there are no captions, or a caption has no reference.
    """
    if not captions or len(captions) != len(references) or not all(references):
        raise ValueError("every caption needs a reference, and there must be one caption")
    counted = [[grams(text) for text in texts] for texts in references]
    frequency: Counter[str] = Counter()
    for texts in counted:
        frequency.update({gram for text in texts for gram in text})
    items = math.log(len(captions))
    weight = {gram: items - math.log(count) for gram, count in frequency.items()}
    scores = []
    for caption, texts in zip(captions, counted, strict=True):
        candidate = weighted(grams(caption), weight, items)
        similarities = [similarity(candidate, weighted(text, weight, items)) for text in texts]
        scores.append(1000 * math.fsum(similarities) / len(similarities))
    return scores


def grams(text: str) -> Counter[str]:
    """How often each n-gram of a text occurs, n = 1 … LONGEST; words joined by blanks."""
    words = text.split()
    return Counter(" ".join(words[i : i + n]) for n in range(1, LONGEST + 1) for i in range(len(words) - n + 1))


def weighted(counts: Counter[str], weight: Mapping[str, float], unseen: float) -> Weighted:
    """Counts times weights; an n-gram that no reference has weighs `unseen`."""
    by_n: tuple[dict[str, float], ...] = tuple({} for _ in range(LONGEST))
    for gram, count in counts.items():
        by_n[gram.count(" ")][gram] = count * weight.get(gram, unseen)
    norms = tuple(math.sqrt(math.fsum(value**2 for value in part.values())) for part in by_n)
    return Weighted(by_n, norms, sum(count for gram, count in counts.items() if gram.count(" ") == 1))


def similarity(caption: Weighted, reference: Weighted) -> float:
    """The score of a caption against one reference, from 0 to 1."""
    total = 0.0
    for values, reference_values, norm, reference_norm in zip(
        caption.grams, reference.grams, caption.norms, reference.norms, strict=True
    ):
        if norm and reference_norm:
            pairs = [(value, reference_values.get(gram, 0.0)) for gram, value in values.items()]
            total += math.fsum(min(value, other) * other for value, other in pairs) / (norm * reference_norm)
    difference = caption.length - reference.length
    return total / LONGEST * math.exp(-(difference**2) / (2 * LENGTH_DEVIATION**2))
