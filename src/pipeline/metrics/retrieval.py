"""Exact image-text retrieval metrics, computed in chunks.

Every image is ranked for every caption (text to image) and every caption for every image (image to text) by
the dot product of their embeddings. Only the rank of the right answer is kept, so memory is one chunk of
queries times the gallery, never all queries times all candidates, and no top-k list is cut off.

The rank of a query is 1 + the number of wrong candidates that score strictly higher + the number of wrong
candidates that score the same: ties count against the model, so embeddings that have collapsed to one point
score near zero rather than near perfect. An image's rank is the rank of its best own caption (a hit is
*any* own caption, 1 or 0), whatever number of captions it has: the rule of CLIP_benchmark, ALBEF and VSE++.

Products are summed in float64 and then rounded to float32: equal vectors then get equal scores wherever
they stand in the matrix, which a float32 product does not promise (its summation order differs at the edges
of blocks).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]

Best = tuple[IntArray, FloatArray]

RECALL_AT = (1, 5, 10)
CHUNK = 256


@dataclass(frozen=True)
class Ranks:
    """1-based ranks of the right answer: `image_to_text` [images], `text_to_image` [captions]."""

    image_to_text: IntArray
    text_to_image: IntArray


def retrieval_ranks(
    images: FloatArray, texts: FloatArray, image_of_caption: npt.ArrayLike, chunk: int = CHUNK
) -> Ranks:
    """Rank the right answer of every query, pessimistic about ties.

    images: [images, D], texts: [captions, D], L2-normalised for cosine similarity. image_of_caption:
    [captions], the row in `images` that each caption describes; every image needs at least one. Raises
    ValueError for shapes that do not fit, values that are not finite, or an image without a caption.
    """
    owner = _checked_owner(images, texts, image_of_caption)
    return Ranks(
        image_to_text=_image_to_text(images, texts, owner, chunk),
        text_to_image=_text_to_image(images, texts, owner, chunk),
    )


def ranks_of_scores(scores: FloatArray, image_of_caption: npt.ArrayLike) -> Ranks:
    """Ranks from the scores [images, captions] of every image with every caption; rules as in `retrieval_ranks`.

    For scores that are no products of vectors. Raises ValueError for shapes that do not fit, or an image without a
    caption.
    """
    owner = np.asarray(image_of_caption, dtype=np.int64)
    if scores.ndim != 2 or owner.shape != (scores.shape[1],) or len(np.unique(owner)) != len(scores):
        raise ValueError(f"every image needs at least one caption, found {scores.shape} and {owner.shape}")
    own = owner == np.arange(len(scores))[:, None]
    of_captions = scores[owner, np.arange(len(owner))]
    of_images = np.where(own, scores, -np.inf).max(axis=1)
    return Ranks(
        image_to_text=1 + ((scores >= of_images[:, None]) & ~own).sum(axis=1),
        text_to_image=1 + ((scores >= of_captions) & ~own).sum(axis=0),
    )


def recall_at(ranks: IntArray, k: int) -> float:
    """Percentage of queries whose right answer is among the first k."""
    return 100.0 * float(np.mean(ranks <= k))


def direction_metrics(ranks: IntArray) -> dict[str, float]:
    """R@1, R@5, R@10 (percentages) and the median rank of one direction."""
    recalls = {f"R@{k}": recall_at(ranks, k) for k in RECALL_AT}
    return {**recalls, "median_rank": float(np.median(ranks))}


def retrieval_metrics(ranks: Ranks) -> dict[str, dict[str, float] | float]:
    """Both directions, with their sum of six recalls (`rsum`) and its sixth (`mean_recall`)."""
    text_to_image = direction_metrics(ranks.text_to_image)
    image_to_text = direction_metrics(ranks.image_to_text)
    rsum = sum(direction[f"R@{k}"] for direction in (text_to_image, image_to_text) for k in RECALL_AT)
    return {
        "text_to_image": text_to_image,
        "image_to_text": image_to_text,
        "rsum": rsum,
        "mean_recall": rsum / (2 * len(RECALL_AT)),
    }


def recall_curve(ranks: IntArray, ks: Sequence[int]) -> list[float]:
    """R@k in percent for each k."""
    return [recall_at(ranks, k) for k in ks]


def top_candidates(queries: FloatArray, gallery: FloatArray, k: int, chunk: int = CHUNK) -> Best:
    """The k best candidates of every query, best first, and their scores.

    queries: [Q, D], gallery: [G, D]. Returns indices [Q, min(k, G)] and scores of the same shape. Among
    equal scores the candidate that stands first in the gallery comes first.
    """
    width = min(k, len(gallery))
    indices = np.empty((len(queries), width), dtype=np.int64)
    best = np.empty((len(queries), width), dtype=np.float32)
    for rows, scores in _score_chunks(queries, gallery, chunk):
        order = np.argsort(-scores, axis=1, kind="stable")[:, :width]
        indices[rows] = order
        best[rows] = np.take_along_axis(scores, order, axis=1)
    return indices, best


def bootstrap_half_width(
    values: npt.ArrayLike, image: npt.ArrayLike, seed: int = 0, samples: int = 1000, level: float = 0.95
) -> float:
    """Half the width of the percentile interval of a mean, resampling whole images.

    values: [queries], e.g. 100 for a hit and 0 for a miss; image: [queries], the image that each query
    belongs to. Captions of one image rise and fall together, so images are drawn with replacement, not
    captions. For a paired comparison of two models give the *difference* of their values: both then see the
    same resampled images. Source: Efron and Tibshirani 1993, percentile interval, applied to clusters.
    """
    _, group = np.unique(np.asarray(image), return_inverse=True)
    totals = np.bincount(group, weights=np.asarray(values, dtype=np.float64))
    counts = np.bincount(group).astype(np.float64)
    rng = np.random.default_rng([seed, len(totals)])
    means = np.empty(samples)
    for index in range(samples):
        drawn = rng.integers(0, len(totals), size=len(totals))
        means[index] = totals[drawn].sum() / counts[drawn].sum()
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(high - low) / 2


def _checked_owner(images: FloatArray, texts: FloatArray, image_of_caption: npt.ArrayLike) -> IntArray:
    owner = np.asarray(image_of_caption, dtype=np.int64)
    if images.ndim != 2 or texts.ndim != 2 or images.shape[1] != texts.shape[1]:
        raise ValueError(f"images and captions need one width D, found {images.shape} and {texts.shape}")
    if owner.shape != (len(texts),):
        raise ValueError(f"image_of_caption must have one entry per caption, found {owner.shape}")
    if not len(images) or not len(texts):
        raise ValueError("retrieval needs at least one image and one caption")
    if owner.min() < 0 or owner.max() >= len(images):
        raise ValueError("image_of_caption points outside the images")
    if len(np.unique(owner)) != len(images):
        raise ValueError("every image needs at least one caption")
    if not (np.isfinite(images).all() and np.isfinite(texts).all()):
        raise ValueError("embeddings hold values that are not finite")
    return owner


def _score_chunks(queries: FloatArray, gallery: FloatArray, chunk: int) -> Iterator[tuple[slice, FloatArray]]:
    transposed = gallery.astype(np.float64).T
    for start in range(0, len(queries), chunk):
        rows = slice(start, min(start + chunk, len(queries)))
        yield rows, (queries[rows].astype(np.float64) @ transposed).astype(np.float32)


def _text_to_image(images: FloatArray, texts: FloatArray, owner: IntArray, chunk: int) -> IntArray:
    ranks = np.empty(len(texts), dtype=np.int64)
    for rows, scores in _score_chunks(texts, images, chunk):
        own = np.take_along_axis(scores, owner[rows][:, None], axis=1)
        ranks[rows] = (scores >= own).sum(axis=1)
    return ranks


def _image_to_text(images: FloatArray, texts: FloatArray, owner: IntArray, chunk: int) -> IntArray:
    ranks = np.empty(len(images), dtype=np.int64)
    for rows, scores in _score_chunks(images, texts, chunk):
        is_own = owner[None, :] == np.arange(rows.start, rows.stop)[:, None]
        best = np.where(is_own, scores, -np.inf).max(axis=1, keepdims=True)
        ranks[rows] = 1 + ((scores >= best) & ~is_own).sum(axis=1)
    return ranks
