"""A decoder whose texts end after a fixed number of words, as trained models' do; random ones never end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pipeline.questioner.decoding.sampling import DecodedText, DecodingStep, StoppingRule
from pipeline.questioner.decoding.tasks import Decoder, DecoderInput

TEXT, ANSWER = 8, 1
"""Word pieces of a caption or a question, and of an answer: about the means of Visual Genome and VQAv2."""


class FixedLengths(Decoder):
    """The decoder of a generator or a filter model that is only timed."""

    length = TEXT

    def answers(self, given: DecoderInput, limits: int | np.ndarray) -> list[DecodedText]:
        """As the decoder's; each answer ends after its fixed length."""
        self.length = ANSWER
        try:
            return super().answers(given, limits)
        finally:
            self.length = TEXT

    def decode(self, given: DecoderInput, rule: StoppingRule, limits: int | np.ndarray) -> list[DecodedText]:
        """As the decoder's, but the length decides where the rule stops."""

        def ended(scores: Tensor, rows: np.ndarray, number: int) -> DecodingStep:
            step = rule(scores, rows, number)
            return replace(step, stops=torch.full_like(step.stops, number >= self.length))

        return super().decode(given, ended, limits)
