"""Parameters of pre-training: tasks, samples, validation."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pipeline.core.parameters.bounds import LossWeight, PartialShare, PositiveShare, Temperature, TextLength
from pipeline.core.settings import Params
from pipeline.questioner.data.params import Masking, SampleParams
from pipeline.questioner.model.params import QuestionerParams, RegionPrompt
from pipeline.questioner.training.params import ValidationParams
from pipeline.training.params import TrainingParams


class ContrastParams(Params):
    """Common space of images and texts."""

    width: int = Field(default=512, ge=1, le=65_536, description="Width of the common space (VALOR: 512).")
    token_wise: bool = Field(
        default=False, description="Compare every word with the image, weighted (VALOR's fine); false: [CLS] alone."
    )
    temperature: Temperature = Field(default=0.07, description="Temperature at the start; it is learned (VALOR: 0.07).")


class PairWeights(Params):
    """Weights of the losses; a task of weight 0 is left out."""

    contrastive: LossWeight = Field(default=1.5, description="Images against captions (VALOR: 1.5).")
    caption: LossWeight = Field(default=1.0, description="Captions, word by word (VALOR: 1).")
    masked_words: LossWeight = Field(
        default=1.0, description="Masked words of captions, read in both directions (VALOR: 1)."
    )

    @model_validator(mode="after")
    def _some_task(self) -> Self:
        if not any(self.model_dump().values()):
            raise ValueError("at least one weight must be above 0")
        return self


class PairSampleParams(Params):
    """Captions in one update: their length and masking."""

    max_tokens: TextLength = Field(default=40, description="Longest caption in word pieces (VALOR: 40).")
    caption_mask_prob: PositiveShare = Field(
        default=0.6, description="Mask probability of the task caption (VALOR: 0.6)."
    )
    masked_words_prob: PositiveShare = Field(
        default=0.15, description="Mask probability of the task masked_words (VALOR: 0.15)."
    )
    masking: Masking = Field(
        default="partial", description="Masking of the task caption: partial (words become [MASK]) or full (VALOR)."
    )
    label_smoothing: PartialShare = Field(
        default=0.0, description="Label smoothing: probability that is spread over all words."
    )

    def sample_params(self) -> SampleParams:
        """The same, as the objective of all trainings takes it: no questions, no regions."""
        return SampleParams(
            regions_per_image=0,
            max_tokens=self.max_tokens,
            max_answer_tokens=self.max_tokens,
            mask_prob=1.0,
            caption_mask_prob=self.caption_mask_prob,
            masking=self.masking,
            label_smoothing=self.label_smoothing,
        )


class PretrainParams(Params):
    """Stage `pretrain`."""

    model: QuestionerParams
    region_prompt: RegionPrompt = "roi_tokens"
    contrast: ContrastParams = ContrastParams()
    weights: PairWeights = PairWeights()
    samples: PairSampleParams = PairSampleParams()
    validation: ValidationParams
    training: TrainingParams
