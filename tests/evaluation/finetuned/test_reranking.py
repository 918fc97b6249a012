"""Likelihoods in one pass against the slow version, one pair and one word at a time; and the ranks that follow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.questioner import annotated, slow, toy
from torch import Tensor

from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.evaluation.finetuned import likelihood
from pipeline.evaluation.finetuned.likelihood import log_likelihoods, log_priors, null_images
from pipeline.evaluation.finetuned.params import RerankParams
from pipeline.evaluation.finetuned.reranking import first_candidates, reranked
from pipeline.metrics.retrieval import ranks_of_scores
from pipeline.questioner.data.dataset import CaptionSet, Ragged
from pipeline.questioner.data.image_inputs import PixelStore
from pipeline.questioner.data.pairs import read_pairs
from pipeline.questioner.decoding.pretrained import PretrainedModel
from pipeline.questioner.model.build import Limits
from pipeline.questioner.model.checkpoint import PRETRAINED, LoadedModel, ModelConfig
from pipeline.questioner.model.prompts import IMAGE_CAPTION_TASK
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.region_prompt import token_grid
from pipeline.questioner.model.vision import VisionTower
from pipeline.questioner.pretraining.validate import HeldOutPairs
from pipeline.storage.boxes import FULL_IMAGE
from pipeline.storage.shards import ImageShards

PROMPTS = toy.prompts()
REGION_PROMPTS = ["roi_tokens", "mask_channel", "coordinates"]


def captioner(region_prompt: str) -> PretrainedModel:
    encoder = annotated.encoder()
    text = toy.questioner(seed=4, sharpness=6.0, ending=1.0).text
    questioner = Questioner(text, encoder.dim, token_grid(encoder), region_prompt == "roi_tokens").float()
    image = ImageEncoderParams()
    config = ModelConfig(PRETRAINED, region_prompt, image, encoder.weights_hash, False, text.config, 30, 5)
    vision = VisionTower(encoder, False, region_prompt == "mask_channel")
    return PretrainedModel(LoadedModel(config, vision, questioner, PROMPTS, "").to("cpu"))


def slow_log_likelihood(model: PretrainedModel, image: Tensor, caption: list[int]) -> float:
    """One caption's words and its end, each from a pass of its own over all that stands before it."""
    questioner, tokenizer = model.decoder.questioner, PROMPTS.tokenizer
    box, row = torch.tensor([FULL_IMAGE]), torch.zeros(1, dtype=torch.long)
    with torch.no_grad():
        tokens = slow.box_tokens_of_images(model.vision, questioner, image[None], row, box)[0]
    words = [*caption, tokenizer.sep]
    _, probabilities, ended = slow.decode(
        questioner,
        tokens,
        PROMPTS.task_prompt(IMAGE_CAPTION_TASK),
        [tokenizer.cls],
        tokenizer.mask,
        lambda _scores, step: (words[step], step == len(caption)),
        len(caption),
    )
    assert ended
    return float(np.log(probabilities).sum())


CAPTIONS = (
    "a red square on the left",
    "circle",
    "the green one is above the circle of no shape",
    "two circles",
    "many blue shapes below the square",
    "what is on the right of the red one",
)


def held_out(folder: Path, model: PretrainedModel) -> HeldOutPairs:
    """Three images with two captions each, all of them different."""
    annotated.write_pairs(folder)
    shards = ImageShards(folder)
    samples = read_pairs(shards, "val", PROMPTS, Limits(30, 30))
    samples = replace(samples, captions=CaptionSet(np.array([0, 2, 4, 6]), Ragged.of(PROMPTS.pieces(CAPTIONS))))
    store = PixelStore(shards, samples.keys, model.vision.encoder.preprocessing)
    return HeldOutPairs(samples, store, shards, 3, 2)


@pytest.mark.parametrize("region_prompt", REGION_PROMPTS)
@pytest.mark.parametrize("pairs_per_pass", [2, 64])
def test_likelihoods_are_those_of_one_pair_at_a_time(
    monkeypatch: pytest.MonkeyPatch, region_prompt: str, pairs_per_pass: int
) -> None:
    monkeypatch.setattr(likelihood, "PAIRS_PER_PASS", pairs_per_pass)
    model = captioner(region_prompt)
    encoded = model.encode([annotated.picture(number) for number in range(2)])
    captions = PROMPTS.pieces(CAPTIONS[:3])
    rows = [(caption, image) for image in range(2) for caption in captions]
    found = log_likelihoods(model, encoded, [caption for caption, _ in rows], [image for _, image in rows])
    expected = [slow_log_likelihood(model, encoded[image], caption) for caption, image in rows]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-4, atol=1e-4)
    assert found[0] != found[3]


def test_the_prior_is_the_mean_probability_over_null_images() -> None:
    model = captioner("roi_tokens")
    captions = PROMPTS.pieces(CAPTIONS[:2])
    null = model.encode(null_images(16, seed=1))
    each = np.array([[slow_log_likelihood(model, image, caption) for caption in captions] for image in null])
    expected = np.log(np.exp(each).mean(axis=0))
    np.testing.assert_allclose(log_priors(model, captions, seed=1).numpy(), expected, rtol=1e-4)
    assert np.ptp(each, axis=0).min() > 0


def slow_ranks(scores: np.ndarray, match: np.ndarray, right: list[set[int]], candidates: int) -> list[int]:
    """Ranks of queries (rows) by sorted lists: the first candidates by the second score, then the others."""
    ranks = []
    for of_query, matched, answers in zip(scores, match, right, strict=True):
        order = sorted(range(len(of_query)), key=lambda place: -of_query[place])
        first = sorted(order[:candidates], key=lambda place: -matched[place])
        ranks.append(min(place for place, found in enumerate([*first, *order[candidates:]], 1) if found in answers))
    return ranks


@pytest.mark.parametrize("weight", [0.0, 3.0])
@pytest.mark.parametrize("candidates", [1, 2, 100])
def test_reranking_equals_sorted_lists(tmp_path: Path, candidates: int, weight: float) -> None:
    model = captioner("roi_tokens")
    pairs = held_out(tmp_path, model)
    scores = np.random.default_rng(3).uniform(-1, 1, (3, 6))
    pictures = pairs.encoded(model, pairs.images)
    captions = pairs.pieces(pairs.images)
    likely = np.array([[slow_log_likelihood(model, picture, text) for text in captions] for picture in pictures])
    match = likely - log_priors(model, captions, seed=0).numpy() + weight * scores
    params = RerankParams(candidates=candidates, model="captions", similarity_weight=weight)
    found = reranked(scores, model, pairs, params, seed=0)
    owner = pairs.owner.tolist()
    of_images = [{text for text, image in enumerate(owner) if image == number} for number in range(3)]
    assert found.image_to_text.tolist() == slow_ranks(scores, match, of_images, candidates)
    assert found.text_to_image.tolist() == slow_ranks(scores.T, match.T, [{image} for image in owner], candidates)
    before = ranks_of_scores(scores, pairs.owner)
    unchanged = found.text_to_image.tolist() == before.text_to_image.tolist()
    assert weight or unchanged == (candidates == 1)


def test_a_great_weight_leaves_the_first_ranking(tmp_path: Path) -> None:
    model = captioner("roi_tokens")
    pairs = held_out(tmp_path, model)
    scores = np.random.default_rng(3).uniform(-1, 1, (3, 6))
    params = RerankParams(candidates=100, model="captions", similarity_weight=10_000.0)
    found, before = reranked(scores, model, pairs, params, seed=0), ranks_of_scores(scores, pairs.owner)
    assert found.image_to_text.tolist() == before.image_to_text.tolist()
    assert found.text_to_image.tolist() == before.text_to_image.tolist()


def test_of_equal_candidates_the_first_are_taken() -> None:
    scores = np.array([[0.5, 0.5, 0.1], [0.2, 0.5, 0.5]])
    assert first_candidates(scores, 1, axis=1).tolist() == [[True, False, False], [False, True, False]]
    assert first_candidates(scores, 1, axis=0).tolist() == [[True, True, False], [False, False, True]]
    assert first_candidates(scores, 9, axis=0).all()
