"""Recall that can be computed rather than measured: of chance, and of a retriever that knows the truth.

A retriever that knows the truth gives one score to all candidates of which the caption is true and a lower one to all
others; ties are broken at random. On a partial caption ("a red circle") several images are equally right, so its
recall is below 100: this is the bound to compare a model with. Chance is the same retriever when every caption is true
of every image.

It knows only *whether* a caption is true. A model that also guesses which true things an annotator would mention may
exceed the bound by a little.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.metrics.retrieval import RECALL_AT, IntArray

BoolArray = npt.NDArray[np.bool_]


def expected_hit(true_own: int, true_all: int, own: int, total: int, k: int) -> float:
    """Probability that one of `own` right candidates is among the first k of `total`, ties broken at random.

    `true_all` candidates share the best score, `true_own` of them right ones. If no right one does, they
    lie among the rest. The chance to miss with k draws from n candidates, r of them right, is C(n − r, k) /
    C(n, k).
    """
    if true_own:
        return 1.0 - _miss(true_all, true_own, min(k, true_all))
    return 1.0 - _miss(total - true_all, own, min(max(0, k - true_all), total - true_all))


def expected_recall(holds: BoolArray, owner: IntArray) -> dict[str, dict[str, float]]:
    """R@1, R@5, R@10 (percentages) in both directions of the retriever that knows `holds`.

    holds: [captions, images], whether a caption is true of an image; owner: [captions], the image of each
    caption.
    """
    captions, images = holds.shape
    is_true_of_own = holds[np.arange(captions), owner]
    true_images = holds.sum(axis=1)
    true_captions = holds.sum(axis=0)
    own_captions = np.bincount(owner, minlength=images)
    true_own_captions = np.bincount(owner, weights=is_true_of_own, minlength=images)
    text_to_image = [
        (int(true), int(count), 1, images) for true, count in zip(is_true_of_own, true_images, strict=True)
    ]
    image_to_text = [
        (int(true), int(count), int(own), captions)
        for true, count, own in zip(true_own_captions, true_captions, own_captions, strict=True)
    ]
    return {"text_to_image": _mean_recall(text_to_image), "image_to_text": _mean_recall(image_to_text)}


def chance_recall(owner: IntArray, images: int) -> dict[str, dict[str, float]]:
    """Exact R@1, R@5, R@10 (percentages) of a random ranking, for `images` images with the given captions."""
    captions = len(owner)
    own_captions = np.bincount(owner, minlength=images)
    return {
        "text_to_image": _mean_recall([(1, images, 1, images)]),
        "image_to_text": _mean_recall([(int(own), captions, int(own), captions) for own in own_captions]),
    }


def _mean_recall(queries: list[tuple[int, int, int, int]]) -> dict[str, float]:
    return {f"R@{k}": 100.0 * float(np.mean([expected_hit(*query, k) for query in queries])) for k in RECALL_AT}


def _miss(candidates: int, right: int, draws: int) -> float:
    miss = 1.0
    for drawn in range(draws):
        miss *= max(0, candidates - right - drawn) / (candidates - drawn)
    return miss
