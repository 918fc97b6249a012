"""The chunked ranker against the slow obvious one, and its rules on ties and groups of captions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metrics.retrieval import (
    bootstrap_half_width,
    ranks_of_scores,
    recall_curve,
    retrieval_metrics,
    retrieval_ranks,
    top_candidates,
)


def slow_ranks(images, texts, owner):
    text_to_image, image_to_text = [], []
    for caption, image in enumerate(owner):
        own = float(texts[caption] @ images[image])
        others = [float(texts[caption] @ images[j]) for j in range(len(images)) if j != image]
        text_to_image.append(1 + sum(score >= own for score in others))
    for image in range(len(images)):
        own = max(float(images[image] @ texts[c]) for c in range(len(texts)) if owner[c] == image)
        others = [float(images[image] @ texts[c]) for c in range(len(texts)) if owner[c] != image]
        image_to_text.append(1 + sum(score >= own for score in others))
    return image_to_text, text_to_image


@st.composite
def embeddings(draw):
    """Small whole numbers: products are exact and ties frequent."""
    counts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=7))
    owner = draw(st.permutations([i for i, count in enumerate(counts) for _ in range(count)]))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    width, spread = draw(st.integers(1, 4)), draw(st.integers(0, 3))
    images = rng.integers(-spread, spread + 1, (len(counts), width)).astype(np.float32)
    texts = rng.integers(-spread, spread + 1, (len(owner), width)).astype(np.float32)
    return images, texts, np.array(owner)


@given(embeddings(), st.integers(1, 9))
@settings(max_examples=150, deadline=None)
def test_ranks_equal_the_obvious_version_for_any_chunk(sample, chunk):
    images, texts, owner = sample
    ranks = retrieval_ranks(images, texts, owner, chunk=chunk)
    image_to_text, text_to_image = slow_ranks(images, texts, owner)
    assert ranks.image_to_text.tolist() == image_to_text
    assert ranks.text_to_image.tolist() == text_to_image


def test_real_values_with_five_captions_each():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(60, 16)).astype(np.float32)
    owner = np.repeat(np.arange(60), 5)
    texts = (images[owner] + 2 * rng.normal(size=(300, 16))).astype(np.float32)
    ranks = retrieval_ranks(images, texts, owner, chunk=7)
    image_to_text, text_to_image = slow_ranks(images.astype(np.float64), texts.astype(np.float64), owner)
    assert ranks.image_to_text.tolist() == image_to_text
    assert ranks.text_to_image.tolist() == text_to_image


def test_collapsed_embeddings_rank_last():
    point = np.random.default_rng(1).normal(size=37).astype(np.float32)
    images, texts = np.tile(point, (203, 1)), np.tile(point, (406, 1))
    ranks = retrieval_ranks(images, texts, np.repeat(np.arange(203), 2))
    assert set(ranks.text_to_image.tolist()) == {203}
    assert set(ranks.image_to_text.tolist()) == {1 + 404}


def test_any_own_caption_is_a_hit_and_perfect_embeddings_are_perfect():
    images = np.eye(3, dtype=np.float32)
    texts = np.concatenate([images, np.roll(images, 1, axis=0)])
    metrics = retrieval_metrics(retrieval_ranks(images, texts, np.array([0, 1, 2, 0, 1, 2])))
    assert metrics["image_to_text"] == {"R@1": 0.0, "R@5": 100.0, "R@10": 100.0, "median_rank": 2.0}
    perfect = retrieval_metrics(retrieval_ranks(images, images, np.arange(3)))
    assert perfect["rsum"] == 600.0
    assert perfect["mean_recall"] == 100.0


def test_bad_input_is_named():
    one = np.ones((2, 3), dtype=np.float32)
    with pytest.raises(ValueError, match="at least one caption"):
        retrieval_ranks(one, one, [0, 0])
    with pytest.raises(ValueError, match="not finite"):
        retrieval_ranks(one * np.nan, one, [0, 1])
    with pytest.raises(ValueError, match="one entry per caption"):
        retrieval_ranks(one, one, [0])


def test_top_candidates_are_ordered_and_break_ties_by_place():
    gallery = np.array([[1.0], [3.0], [3.0], [2.0]], dtype=np.float32)
    indices, scores = top_candidates(np.array([[1.0], [-1.0]], dtype=np.float32), gallery, 3, chunk=1)
    assert indices.tolist() == [[1, 2, 3], [0, 3, 1]]
    assert scores.tolist() == [[3, 3, 2], [-1, -2, -3]]


def test_recall_curve_rises():
    assert recall_curve(np.array([1, 2, 4, 11]), [1, 2, 10]) == [25.0, 50.0, 75.0]


def test_bootstrap_half_width_matches_theory_and_sees_whole_images():
    rng = np.random.default_rng(3)
    hits = 100.0 * (rng.random(1000) < 0.7)
    alone = bootstrap_half_width(hits, np.arange(1000))
    assert alone == pytest.approx(1.96 * hits.std() / np.sqrt(1000), rel=0.1)
    together = bootstrap_half_width(np.repeat(hits, 5), np.repeat(np.arange(1000), 5))
    assert together == pytest.approx(alone)
    assert bootstrap_half_width(hits - hits, np.arange(1000)) == 0.0


@given(embeddings())
@settings(max_examples=100, deadline=None)
def test_ranks_of_scores_are_those_of_the_vectors(case):
    images, texts, owner = case
    expected = retrieval_ranks(images, texts, owner)
    found = ranks_of_scores(images @ texts.T, owner)
    assert found.image_to_text.tolist() == expected.image_to_text.tolist()
    assert found.text_to_image.tolist() == expected.text_to_image.tolist()


def test_scores_without_a_caption_for_every_image_are_refused():
    with pytest.raises(ValueError, match="at least one caption"):
        ranks_of_scores(np.zeros((2, 2)), [0, 0])
