"""Beam search against all texts of a small vocabulary, and against greedy decoding."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
import torch
from tests.questioner import slow, toy
from torch import Tensor

from pipeline.questioner.decoding.beam import Beam, beam_search
from pipeline.questioner.decoding.tasks import Decoder, DecoderInput
from pipeline.questioner.model.prompts import IMAGE_CAPTION_TASK
from pipeline.storage.boxes import FULL_IMAGE

IMAGES = 3


@pytest.fixture(scope="module")
def made() -> tuple[Decoder, DecoderInput, Tensor]:
    """A decoder, the request for a caption of each image, and the tokens that the images' keys come from."""
    model = toy.questioner(seed=11, sharpness=12.0)
    with torch.no_grad():
        visual = model.adapt(toy.images(IMAGES))
        boxes = torch.tensor([FULL_IMAGE] * IMAGES, dtype=torch.float64)
        tokens = slow.box_tokens(model, visual, torch.arange(IMAGES), boxes)
        cross = slow.cross_keys_values(model, tokens)
    decoder = Decoder(model, toy.prompts())
    prompts = [decoder.prompts.task_prompt(IMAGE_CAPTION_TASK)] * IMAGES
    starts = [[decoder.tokenizer.cls]] * IMAGES
    return decoder, DecoderInput(cross, prompts, range(IMAGES), range(IMAGES), starts), tokens


def search(decoder: Decoder, given: DecoderInput, allowed: Tensor, beams: int, limit: int) -> list[list[int]]:
    first = torch.full((IMAGES,), decoder.tokenizer.cls)
    with torch.no_grad():
        texts = beam_search(decoder.state(given), first, decoder.tokenizer.sep, allowed, beams, limit)
    assert all(text.ended == bool(text.probabilities) for text in texts)
    return [text.words if text.ended else [-1] for text in texts]


def test_enough_beams_find_the_best_of_all_texts(made: tuple[Decoder, DecoderInput, Tensor]):
    decoder, given, tokens = made
    sep, words = decoder.tokenizer.sep, [decoder.tokenizer.ids[word] for word in ("red", "square", "left", "two")]
    allowed = torch.full((len(decoder.tokenizer),), -torch.inf, dtype=torch.float64)
    allowed[[sep, *words]] = 0
    found = search(decoder, given, allowed, beams=400, limit=3)
    for image in range(IMAGES):
        best, best_score = [], -np.inf
        for length in range(4):
            for text in product(words, repeat=length):
                score = mean_log_probability(decoder, tokens[image], given.prompts[0], text)
                if score > best_score:
                    best, best_score = list(text), score
        assert found[image] == best


def mean_log_probability(decoder: Decoder, tokens: Tensor, prompt: Sequence[int], text: tuple[int, ...]) -> float:
    """The score of one text, word by word without a cache."""
    said = iter([*text, decoder.tokenizer.sep])

    def choose(scores: Tensor, _: int) -> tuple[int, bool]:
        word = next(said)
        return word, word == decoder.tokenizer.sep

    _, probabilities, _ = slow.decode(
        decoder.questioner, tokens, prompt, [decoder.tokenizer.cls], decoder.tokenizer.mask, choose, len(text)
    )
    return float(np.mean(np.log(probabilities)))


def test_one_beam_is_greedy(made: tuple[Decoder, DecoderInput, Tensor]):
    decoder, given, _ = made
    with torch.no_grad():
        greedy = decoder.answers(given, 12)
    assert any(text.ended for text in greedy)
    found = search(decoder, given, decoder.allowed(decoder.tokenizer.sep), beams=1, limit=12)
    assert found == [text.words if text.ended else [-1] for text in greedy]


@pytest.mark.parametrize("beams", [2, 5])
def test_more_beams_never_end_with_a_worse_text(made: tuple[Decoder, DecoderInput, Tensor], beams: int):
    decoder, given, tokens = made
    allowed = decoder.allowed(decoder.tokenizer.sep)
    greedy, wide = (search(decoder, given, allowed, count, 8) for count in (1, beams))
    for image, (one, other) in enumerate(zip(greedy, wide, strict=True)):
        if one != [-1]:
            scores = [mean_log_probability(decoder, tokens[image], given.prompts[0], tuple(t)) for t in (one, other)]
            assert scores[1] >= scores[0] - 1e-9


def test_a_beam_keeps_the_best_and_sets_ended_texts_aside():
    beam = Beam(2)
    assert beam.advance(np.log([[0.1, 0.6, 0.3]]), end=0, limit=5) == [0, 0]
    assert [hypothesis.words for hypothesis in beam.running] == [(1,), (2,)]
    origins = beam.advance(np.log([[0.8, 0.15, 0.05], [0.1, 0.2, 0.7]]), end=0, limit=5)
    assert origins == [1, 0] and [hypothesis.words for hypothesis in beam.running] == [(2, 2), (1, 1)]
    assert [hypothesis.words for hypothesis in beam.ended] == [(1,)]
    assert not beam.done
