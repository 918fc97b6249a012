"""The decoding tasks: captions of boxes, questions with answers, answers to given questions.

All boxes of a batch of images are decoded together. What the sequences of one box share is computed once: the keys and
values of its image tokens, and those of each distinct prompt. A question and its answer are two passes, because TYPE
is hidden while the answer is generated (see `model/prompts.py`): first all questions, sampled until the separator is
the best word; then their answers, greedily, under the prompt without the type.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.encoders.bert.layers import KeysValues
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


class Decoder:
    """Generates texts with one questioner.

    `cross` below are the cross-attention keys and values of every layer, [groups,heads,M,width]; a group is a box, or
    an image where there are no boxes. Prompts and rows name their group by its number, and the numbers never decrease.
    """

    def __init__(self, questioner: Questioner, prompts: Prompts) -> None:
        self.questioner = questioner
        self.prompts = prompts
        self.tokenizer = prompts.tokenizer
        never = torch.zeros(len(self.tokenizer))
        never[sorted(self.tokenizer.special)] = -torch.inf
        self.never = never.to(questioner.image_type)

    @property
    def device(self) -> torch.device:
        """The model's device."""
        return self.questioner.image_type.device

    def cross_keys_values(
        self, vision: VisionTower, encoded: Tensor, image_of_box: Sequence[int], boxes: Sequence[Box]
    ) -> list[KeysValues]:
        """`cross` of boxes, one group per box, each in its image; `encoded` is the result of `vision.encode`."""
        corners = torch.tensor(boxes, dtype=self.questioner.image_type.dtype, device=self.device).reshape(-1, 4)
        images = torch.tensor(image_of_box, device=self.device)
        return vision.cross_keys_values(self.questioner, encoded, images, corners)

    def captions(
        self, cross: list[KeysValues], boxes: Sequence[Box], streams: Sequence[int], sampling: SamplingParams
    ) -> list[DecodedText]:
        """One sampled caption per box, which is a group of `cross`."""
        prompts = [self.prompts.caption_prompt(box) for box in boxes]
        rows = list(range(len(boxes)))
        rule = sampled_until(self.tokenizer.sep, self.allowed(self.tokenizer.sep), self.top_k(sampling, streams))
        return self.decode(cross, prompts, rows, rows, [[self.tokenizer.cls]] * len(rows), rule, sampling.max_tokens)

    def questions(
        self,
        cross: list[KeysValues],
        prompts: Sequence[Sequence[int]],
        prompt_groups: Sequence[int],
        prompt_of_row: Sequence[int],
        streams: Sequence[int],
        sampling: SamplingParams,
    ) -> list[DecodedText]:
        """One sampled question per row, without its answer."""
        end = self.prompts.separator
        rule = sampled_until_best(end, self.allowed(end), self.top_k(sampling, streams))
        starts = [[self.tokenizer.cls]] * len(prompt_of_row)
        # The separator and an answer of one word must still fit.
        return self.decode(cross, prompts, prompt_groups, prompt_of_row, starts, rule, sampling.max_tokens - 2)

    def answers(
        self,
        cross: list[KeysValues],
        prompts: Sequence[Sequence[int]],
        prompt_groups: Sequence[int],
        prompt_of_row: Sequence[int],
        starts: Sequence[Sequence[int]],
        limits: int | np.ndarray,
    ) -> list[DecodedText]:
        """The greedy answer after each row's `starts` ([CLS], or [CLS] question separator)."""
        end = self.tokenizer.sep
        rule = best_until(end, self.allowed(end))
        return self.decode(cross, prompts, prompt_groups, prompt_of_row, starts, rule, limits)

    def decode(
        self,
        cross: list[KeysValues],
        prompts: Sequence[Sequence[int]],
        prompt_groups: Sequence[int],
        prompt_of_row: Sequence[int],
        starts: Sequence[Sequence[int]],
        rule: StoppingRule,
        limits: int | np.ndarray,
    ) -> list[DecodedText]:
        """Decode under a rule; `prompt_groups` name each prompt's group, `prompt_of_row` each row's prompt."""
        if not prompt_of_row:
            return []
        limits = np.broadcast_to(np.asarray(limits), len(prompt_of_row))
        ids, mask = self.tokenizer.pad_rows(prompts)
        groups = torch.tensor(prompt_groups, device=self.device)
        rows = torch.tensor(prompt_of_row, device=self.device)
        cache = read_prompts(self.questioner, self.on_device(ids), self.on_device(mask).bool(), groups, cross)
        words, valid = self.right_aligned(starts)
        state = DecoderState(self.questioner, cache, rows, cross, groups[rows], self.tokenizer.mask)
        return decode(state, words, valid, rule, limits)

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
