"""Parameters of the samples of a training: their number, length, balance and masking."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.core.parameters.bounds import LossWeight, PartialShare, PositiveShare, Share, SmallCount, TextLength
from pipeline.core.settings import Params


class BalanceParams(Params):
    """Sampling weights, 1 / count^strength; 0: as the data comes, 1: equal shares."""

    question_types: Share = Field(
        default=0.0, description="Strength for question types, among the questions of an image."
    )
    sources: Share = Field(default=0.0, description="Strength for data sources, among images.")


Masking = Literal["partial", "full"]
"""How words are hidden; see `masking.py`."""
Mixing = Literal["one_per_update", "mixed"]
"""How an update draws from several data sets; see `mixture.py`."""


class SampleParams(Params):
    """Samples of an image in one update: their number, length and masking."""

    questions_per_image: SmallCount = Field(
        default=1, description="Questions per image and update, drawn with repetition."
    )
    regions_per_image: int = Field(
        default=1, ge=0, le=1000, description="Maximum region captions per image and update; 0: none are learned."
    )
    max_tokens: TextLength = Field(
        default=30, description="Longest caption, or question with its answer, in word pieces."
    )
    max_answer_tokens: int = Field(default=30, ge=1, le=512, description="Longest answer in word pieces.")
    mask_prob: PositiveShare = Field(
        description="Mask probability: questions (generator, JADE: 0.6), answers (filter, VALOR: 0.99)."
    )
    caption_mask_prob: PositiveShare = Field(default=0.6, description="Mask probability of captions (JADE: 0.6).")
    masking: Masking = Field(
        default="partial",
        description="Masking: partial (JADE's UniMLM: words become [MASK]) or full (VALOR's full masker).",
    )
    label_smoothing: PartialShare = Field(
        default=0.0, description="Label smoothing: probability that is spread over all words."
    )
    grounding_weight: LossWeight = Field(
        default=0.0,
        description="Weight of the grounding loss: −log of the last cross-attention inside the annotated box.",
    )
    balance: BalanceParams = BalanceParams()
