"""The decoding tasks: captions of boxes, questions with answers, answers to given questions.

All boxes of a batch of images are decoded together. What the sequences of one box share is computed once: the keys and
values of its image tokens, and those of each distinct prompt. A question and its answer are two passes, because TYPE
is hidden while the answer is generated (see `model/prompts.py`): first all questions, sampled until the separator is
the best word; then their answers, greedily, under the prompt without the type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.core.parameters.bounds import Precision
from pipeline.encoders.bert.layers import KeysValues
from pipeline.execution.precision import autocast
from pipeline.questioner.decoding.kv_cache import DecoderState, read_prompts
from pipeline.questioner.decoding.params import SamplingParams
from pipeline.questioner.decoding.sampling import (
    DecodedText,
    StoppingRule,
    TopK,
    best_until,
    decode,
    sampled_until,
    sampled_until_best,
)
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.vision import VisionTower
from pipeline.storage.boxes import Box


@dataclass(frozen=True)
class DecoderInput:
    """Texts that are decoded together, a row each.

    cross: cross-attention keys and values of every layer, [groups,heads,M,width]; a group is a box, or an image where
    there are no boxes. prompts: the distinct ones, and in `prompt_groups` the group of each; these numbers never
    decrease. prompt_of_row: each row's prompt. starts: each row's first words.
    """

    cross: list[KeysValues]
    prompts: Sequence[Sequence[int]]
    prompt_groups: Sequence[int]
    prompt_of_row: Sequence[int]
    starts: Sequence[Sequence[int]]


class Decoder:
    """Generates texts with one questioner; `precision` is that of its passes."""

    def __init__(self, questioner: Questioner, prompts: Prompts, precision: Precision = "float32") -> None:
        self.questioner = questioner
        self.prompts = prompts
        self.precision: Precision = precision
        self.tokenizer = prompts.tokenizer
        never = torch.zeros(len(self.tokenizer))
        never[sorted(self.tokenizer.special)] = -torch.inf
        self.never = never.to(questioner.image_type)

    @property
    def device(self) -> torch.device:
        """The model's device."""
        return self.questioner.image_type.device

    def encode(self, vision: VisionTower, pixels: np.ndarray) -> Tensor:
        """Images after the image encoder."""
        with autocast(self.precision, self.device):
            return vision.encode(self.on_device(pixels))

    def cross_keys_values(
        self, vision: VisionTower, encoded: Tensor, image_of_box: Sequence[int], boxes: Sequence[Box]
    ) -> list[KeysValues]:
        """Keys and values of boxes, a group each, in their images; `encoded` is the result of `vision.encode`."""
        corners = torch.tensor(boxes, dtype=self.questioner.image_type.dtype, device=self.device).reshape(-1, 4)
        images = torch.tensor(image_of_box, device=self.device)
        with autocast(self.precision, self.device):
            return vision.cross_keys_values(self.questioner, encoded, images, corners)

    def captions(
        self, cross: list[KeysValues], boxes: Sequence[Box], streams: Sequence[int], sampling: SamplingParams
    ) -> list[DecodedText]:
        """One sampled caption per box, which is a group of `cross`."""
        prompts = [self.prompts.caption_prompt(box) for box in boxes]
        rows = list(range(len(boxes)))
        given = DecoderInput(cross, prompts, rows, rows, [[self.tokenizer.cls]] * len(rows))
        rule = sampled_until(self.tokenizer.sep, self.allowed(self.tokenizer.sep), self.top_k(sampling, streams))
        return self.decode(given, rule, sampling.max_tokens)

    def questions(self, given: DecoderInput, streams: Sequence[int], sampling: SamplingParams) -> list[DecodedText]:
        """One sampled question per row, which starts with [CLS]; without its answer."""
        end = self.prompts.separator
        rule = sampled_until_best(end, self.allowed(end), self.top_k(sampling, streams))
        # The separator and an answer of one word must still fit.
        return self.decode(given, rule, sampling.max_tokens - 2)

    def answers(self, given: DecoderInput, limits: int | np.ndarray) -> list[DecodedText]:
        """The greedy answer after each row's start: [CLS], or [CLS] question separator."""
        end = self.tokenizer.sep
        return self.decode(given, best_until(end, self.allowed(end)), limits)

    def decode(self, given: DecoderInput, rule: StoppingRule, limits: int | np.ndarray) -> list[DecodedText]:
        """Decode under a rule, at most `limits` words (of all rows, or of each)."""
        if not given.prompt_of_row:
            return []
        limits = np.broadcast_to(np.asarray(limits), len(given.prompt_of_row))
        words, valid = self.right_aligned(given.starts)
        with autocast(self.precision, self.device):
            return decode(self.state(given), words, valid, rule, limits)

    def state(self, given: DecoderInput) -> DecoderState:
        """The cache of the texts, which has read their prompts."""
        ids, mask = self.tokenizer.pad_rows(given.prompts)
        groups = torch.tensor(given.prompt_groups, device=self.device)
        rows = torch.tensor(given.prompt_of_row, device=self.device)
        with autocast(self.precision, self.device):
            cache = read_prompts(self.questioner, self.on_device(ids), self.on_device(mask).bool(), groups, given.cross)
        return DecoderState(self.questioner, cache, rows, given.cross, groups[rows], self.tokenizer.mask)

    def right_aligned(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Ids [R,n] with padding on the left, and which of them are words."""
        ids, mask = self.tokenizer.pad_rows([row[::-1] for row in rows])
        return self.on_device(ids[:, ::-1].copy()), self.on_device(mask[:, ::-1].copy()).bool()

    def on_device(self, values: np.ndarray) -> Tensor:
        """An array as a tensor on the model's device."""
        return torch.from_numpy(values).to(self.device)

    def allowed(self, end: int) -> Tensor:
        """Score offsets [V]: 0 for `end` and all plain words, -inf for the other special tokens."""
        never = self.never.clone()
        never[end] = 0
        return never

    def top_k(self, params: SamplingParams, streams: Sequence[int]) -> TopK:
        """Top-K sampling over this vocabulary."""
        return TopK(min(params.top_k, len(self.tokenizer)), params.temperature, streams)
