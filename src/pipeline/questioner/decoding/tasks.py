"""The decoding tasks: captions of boxes, questions with answers, answers to given questions.

All boxes of a batch of images go together. What the sequences of one box share is computed once: the keys and
values of the image tokens for that box, and those of each distinct prompt. A question and its answer are two
passes, because TYPE is hidden while the answer is written (see `prompts.py`): first all questions, sampled
until the separator is the best word; then their answers, greedily, under the prompt without the type.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.encoders.bert.layers import KeysValues
from pipeline.questioner.decoding.kv_cache import Sequences, read_prompts
from pipeline.questioner.decoding.params import SamplingParams
from pipeline.questioner.decoding.sampling import (
    Rule,
    Sampling,
    Written,
    best_until,
    sampled_until,
    sampled_until_best,
    write,
)
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.vision import Sight


@dataclass
class View:
    """What sequences look at: keys and values of every layer, [groups,heads,M,width]; a group is a box, or an
    image where there are no boxes."""

    cross: list[KeysValues]


class Writer:
    """Writes texts with one questioner; `groups` below name boxes (or images) of a view, and never
    decrease."""

    def __init__(self, model: Questioner, prompts: Prompts) -> None:
        self.model = model
        self.prompts = prompts
        self.tokenizer = prompts.tokenizer
        never = torch.zeros(len(self.tokenizer))
        never[sorted(self.tokenizer.special)] = -torch.inf
        self.never = never.to(model.image_type)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.image_type.device

    def view(
        self, sight: Sight, encoded: Tensor, image_of_row: Sequence[int], boxes: Sequence[Sequence[float]]
    ) -> View:
        """A view of boxes, each in its image; `encoded` as `sight.encode` gives it."""
        corners = torch.tensor(boxes, dtype=self.model.image_type.dtype, device=self.device).reshape(-1, 4)
        images = torch.tensor(image_of_row, device=self.device)
        return View(sight.look(self.model, encoded, images, corners))

    def captions(
        self, view: View, boxes: Sequence[Sequence[float]], streams: Sequence[int], sampling: SamplingParams
    ) -> list[Written]:
        """One sampled caption per box of the view."""
        prompts = [self.prompts.caption_prompt(box) for box in boxes]
        rows = list(range(len(boxes)))
        rule = sampled_until(self.tokenizer.sep, self.allowed(self.tokenizer.sep), self.sampling(sampling, streams))
        return self.write(view, prompts, rows, rows, [[self.tokenizer.cls]] * len(rows), rule, sampling.max_tokens)

    def questions(
        self,
        view: View,
        prompts: Sequence[Sequence[int]],
        prompt_groups: Sequence[int],
        prompt_of_row: Sequence[int],
        streams: Sequence[int],
        sampling: SamplingParams,
    ) -> list[Written]:
        """One sampled question per row, without its answer."""
        end = self.prompts.separator
        rule = sampled_until_best(end, self.allowed(end), self.sampling(sampling, streams))
        starts = [[self.tokenizer.cls]] * len(prompt_of_row)
        # The separator and an answer of one word must still fit.
        return self.write(view, prompts, prompt_groups, prompt_of_row, starts, rule, sampling.max_tokens - 2)

    def answers(
        self,
        view: View,
        prompts: Sequence[Sequence[int]],
        prompt_groups: Sequence[int],
        prompt_of_row: Sequence[int],
        starts: Sequence[Sequence[int]],
        limits: int | np.ndarray,
    ) -> list[Written]:
        """The greedy answer after each row's `starts` ([CLS], or [CLS] question separator)."""
        end = self.tokenizer.sep
        return self.write(
            view, prompts, prompt_groups, prompt_of_row, starts, best_until(end, self.allowed(end)), limits
        )

    def write(
        self,
        view: View,
        prompts: Sequence[Sequence[int]],
        prompt_groups: Sequence[int],
        prompt_of_row: Sequence[int],
        starts: Sequence[Sequence[int]],
        rule: Rule,
        limits: int | np.ndarray,
    ) -> list[Written]:
        """Write under a rule; `prompt_groups` name each prompt's group, `prompt_of_row` each row's prompt."""
        if not prompt_of_row:
            return []
        limits = np.broadcast_to(np.asarray(limits), len(prompt_of_row))
        ids, mask = self.tokenizer.pad_rows(prompts)
        groups = torch.tensor(prompt_groups, device=self.device)
        rows = torch.tensor(prompt_of_row, device=self.device)
        prompted = read_prompts(self.model, self.place(ids), self.place(mask).bool(), groups, view.cross)
        words, valid = self.right_aligned(starts)
        sequences = Sequences(self.model, prompted, rows, view.cross, groups[rows], self.tokenizer.mask)
        return write(sequences, words, valid, rule, limits)

    def right_aligned(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Ids [R,n] with padding on the left, and which of them are words."""
        ids, mask = self.tokenizer.pad_rows([row[::-1] for row in rows])
        return self.place(ids[:, ::-1].copy()), self.place(mask[:, ::-1].copy()).bool()

    def place(self, values: np.ndarray) -> Tensor:
        """An array on the model's device."""
        return torch.from_numpy(values).to(self.device)

    def allowed(self, end: int) -> Tensor:
        """The words that may not be written, with `end` taken out of them."""
        never = self.never.clone()
        never[end] = 0
        return never

    def sampling(self, params: SamplingParams, streams: Sequence[int]) -> Sampling:
        """Top-K sampling over this vocabulary."""
        return Sampling(min(params.top_k, len(self.tokenizer)), params.temperature, streams)
