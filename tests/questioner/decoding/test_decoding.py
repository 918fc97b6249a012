"""The cached decoder against naive recomputation, token for token, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.questioner import slow, toy
from torch import Tensor

from pipeline.core.counter_rng import stream, uniforms
from pipeline.encoders.bert.layers import KeysValues
from pipeline.questioner.decoding.params import SamplingParams
from pipeline.questioner.decoding.tasks import Decoder, DecoderInput
from pipeline.storage.boxes import FULL_IMAGE

BOXES = [[0.0, 0.0, 0.5, 0.6], [0.3, 0.2, 1.0, 0.9], list(FULL_IMAGE), [0.6, 0.1, 0.7, 0.2]]
IMAGE_OF_BOX = [0, 0, 1, 2]


def decoder_of_boxes(roi_tokens: bool = True, seed: int = 7) -> tuple[Decoder, list[KeysValues], Tensor]:
    """A decoder, the keys and values of BOXES, and the tokens that these were projected from."""
    model = toy.questioner(roi_tokens=roi_tokens, seed=seed)
    with torch.no_grad():
        visual = model.adapt(toy.images(3))
        tokens = slow.box_tokens(model, visual, torch.tensor(IMAGE_OF_BOX), torch.tensor(BOXES, dtype=torch.float64))
        cross = slow.cross_keys_values(model, tokens)
    return Decoder(model, toy.prompts()), cross, tokens


def best(scores: Tensor, allowed: Tensor) -> int:
    return int((scores + allowed).argmax())


def drawn(scores: Tensor, allowed: Tensor, top_k: int, temperature: float, uniform: float) -> int:
    """A top-K draw texts out: sort, cut, normalise, walk along the cumulative sum."""
    order = sorted(range(len(scores)), key=lambda word: -float(scores[word] + allowed[word]))[:top_k]
    weights = [float(torch.exp(scores[word].double() / temperature)) for word in order]
    total = 0.0
    for word, weight in zip(order, weights, strict=True):
        total += weight
        if uniform * sum(weights) < total:
            return word
    return order[-1]


@pytest.mark.parametrize(("top_k", "roi_tokens"), [(1, True), (4, True), (3, False)])
def test_captions_equal_naive(top_k: int, roi_tokens: bool):
    decoder, cross, box_tokens = decoder_of_boxes(roi_tokens)
    sampling = SamplingParams(seed=3, top_k=top_k, temperature=1.3, max_tokens=12)
    streams = [stream(3, "caption", box) for box in range(len(BOXES))]
    sep = decoder.tokenizer.sep
    allowed = decoder.allowed(sep)
    with torch.no_grad():
        texts = decoder.captions(cross, BOXES, streams, sampling)
    for row, box in enumerate(BOXES):
        numbers = uniforms([streams[row]], 0, 13)[0]

        def choose(scores: Tensor, step: int, numbers: np.ndarray = numbers) -> tuple[int, bool]:
            word = drawn(scores, allowed, top_k, 1.3, numbers[step])
            return word, word == sep

        expected = slow.decode(
            decoder.questioner,
            box_tokens[row],
            decoder.prompts.caption_prompt(box),
            [decoder.tokenizer.cls],
            decoder.tokenizer.mask,
            choose,
            12,
        )
        check(texts[row], expected)
    assert len({tuple(text.words) for text in texts}) > 1


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_questions_and_answers_equal_naive(seed: int):
    """Several questions share a prompt and a box; some end early, some never."""
    decoder, cross, box_tokens = decoder_of_boxes(seed=seed)
    prompts, tokens = decoder.prompts, decoder.tokenizer
    sampling = SamplingParams(seed=1, top_k=5, max_tokens=14)
    caption = tokens.pieces("a red square")
    given = [
        prompts.pair_prompt(kind, box, caption[:box_index])
        for box_index, box in enumerate(BOXES)
        for kind in ("what", "how", "yes")
    ]
    groups = [index // 3 for index in range(len(given))]
    rows = sorted([*range(len(given)), *range(0, len(given), 3)])
    streams = [stream(1, "question", row) for row in range(len(rows))]
    with torch.no_grad():
        texts = decoder.questions(
            DecoderInput(cross, given, groups, rows, [[tokens.cls]] * len(rows)), streams, sampling
        )
    end = prompts.separator
    never = decoder.allowed(end)
    undrawn = never.clone()
    undrawn[end] = -torch.inf
    ended = 0
    for row, prompt in enumerate(rows):
        numbers = uniforms([streams[row]], 0, 14)[0]

        def choose(scores: Tensor, step: int, numbers: np.ndarray = numbers) -> tuple[int, bool]:
            if best(scores, never) == end:
                return end, True
            return drawn(scores, undrawn, 5, 1.0, numbers[step]), False

        expected = slow.decode(
            decoder.questioner, box_tokens[groups[prompt]], given[prompt], [tokens.cls], tokens.mask, choose, 12
        )
        check(texts[row], expected)
        ended += expected[2]
    assert 0 < ended < len(rows)
    starts = [[tokens.cls, *text.words, end] for text in texts]
    limits = np.array([3 + row % 4 for row in range(len(rows))])
    with torch.no_grad():
        answers = decoder.answers(DecoderInput(cross, given, groups, rows, starts), limits)
    allowed = decoder.allowed(tokens.sep)

    def choose_best(scores: Tensor, step: int) -> tuple[int, bool]:
        word = best(scores, allowed)
        return word, word == tokens.sep

    for row, prompt in enumerate(rows):
        expected = slow.decode(
            decoder.questioner,
            box_tokens[groups[prompt]],
            given[prompt],
            starts[row],
            tokens.mask,
            choose_best,
            int(limits[row]),
        )
        check(answers[row], expected)


def check(text, expected) -> None:
    words, probabilities, ended = expected
    assert text.words == words
    assert text.ended == ended
    assert text.probabilities == pytest.approx(probabilities, abs=1e-5)


def test_batch_changes_nothing():
    """A row alone gives what it gives among others."""
    decoder, cross, _ = decoder_of_boxes()
    sampling = SamplingParams(seed=0, top_k=6, max_tokens=10)
    streams = [stream("s", box) for box in range(len(BOXES))]
    with torch.no_grad():
        together = decoder.captions(cross, BOXES, streams, sampling)
        for row in range(len(BOXES)):
            alone = [(keys[row : row + 1], values[row : row + 1]) for keys, values in cross]
            found = decoder.captions(alone, BOXES[row : row + 1], streams[row : row + 1], sampling)
            assert found[0].words == together[row].words
