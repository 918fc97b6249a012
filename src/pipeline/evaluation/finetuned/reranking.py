"""Re-ranking: cosine similarity names each query's first candidates, and a captioner helps to put them in order.

A candidate's score is the captioner's (`likelihood.py`) plus its weighted cosine similarity, as ALBEF adds two scores
(Li et al. 2021, arXiv 2107.07651): two models that learned differently seldom make the same mistake. Both directions
share one score of a pair, so a pair that is a candidate in both is read once, and an image is encoded once. Captions
and images that are no candidates keep their places behind the others.
"""

from __future__ import annotations

import numpy as np

from pipeline.core.progress import progress
from pipeline.evaluation.finetuned.likelihood import log_likelihoods, log_priors
from pipeline.evaluation.finetuned.params import RerankParams
from pipeline.metrics.expected_recall import BoolArray
from pipeline.metrics.retrieval import FloatArray, Ranks, ranks_of_scores
from pipeline.questioner.decoding.pretrained import PretrainedModel
from pipeline.questioner.pretraining.validate import HeldOutPairs


def reranked(
    scores: FloatArray, captioner: PretrainedModel, held_out: HeldOutPairs, params: RerankParams, seed: int
) -> Ranks:
    """Ranks after the first candidates of every query were ranked again.

    scores: cosine similarities, [images, captions]; held_out: the same pairs as the captioner reads them.
    """
    images, texts = (first_candidates(scores, params.candidates, axis) for axis in (0, 1))
    match = match_scores(captioner, held_out, images | texts, seed) + params.similarity_weight * scores
    return Ranks(
        image_to_text=ranks_of_scores(in_front(scores, texts, match), held_out.owner).image_to_text,
        text_to_image=ranks_of_scores(in_front(scores, images, match), held_out.owner).text_to_image,
    )


def first_candidates(scores: FloatArray, count: int, axis: int) -> BoolArray:
    """Which pairs are among the `count` best along an axis; of equal ones those that stand first in the gallery."""
    best = np.argsort(-scores, axis=axis, kind="stable").take(range(min(count, scores.shape[axis])), axis=axis)
    chosen = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(chosen, best, True, axis=axis)
    return chosen


def match_scores(captioner: PretrainedModel, held_out: HeldOutPairs, wanted: BoolArray, seed: int) -> FloatArray:
    """log P(caption | image) - log P(caption) of the wanted pairs [images, captions], 0 for the others."""
    captions = held_out.pieces(held_out.images)
    match = np.zeros(wanted.shape)
    first = 0
    with progress("re-ranking", len(held_out.images)) as tell:
        for batch in held_out.batches:
            rows, columns = np.nonzero(wanted[first : first + len(batch)])
            encoded = held_out.encoded(captioner, batch)
            found = log_likelihoods(captioner, encoded, [captions[column] for column in columns], rows.tolist())
            match[first + rows, columns] = found.numpy()
            first += len(batch)
            tell(first)
    return np.where(wanted, match - log_priors(captioner, captions, seed).numpy(), 0.0)


def in_front(scores: FloatArray, candidates: BoolArray, match: FloatArray) -> FloatArray:
    """Scores that rank the candidates first, among themselves by `match`, and the others as before."""
    return np.where(candidates, scores.max() + 1 + match - match[candidates].min(), scores)
