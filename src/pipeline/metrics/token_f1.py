"""How much two answers share, as VQ2A's round-trip check measures it."""

from __future__ import annotations

from collections import Counter

from pipeline.metrics.vqa_accuracy import normalise_answer


def token_f1(predicted: str, reference: str) -> float:
    """Harmonic mean of token precision and recall between two answers after VQA's normalisation, in [0, 1].

    Two answers without any word left score 1.0, one without and one with words 0.0. Source: SQuAD evaluation
    (Rajpurkar et al. 2016); used as round-trip score by VQ2A (Changpinyo et al. 2022).
    """
    left, right = normalise_answer(predicted).split(), normalise_answer(reference).split()
    if not left or not right:
        return float(left == right)
    shared = (Counter(left) & Counter(right)).total()
    return 2 * shared / (len(left) + len(right))
