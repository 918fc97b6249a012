"""Parameters of the stage `align`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.alignment.model.params import FeatureParams, SharedEncoderParams
from pipeline.core.parameters.bounds import LearningRateScale, LossWeight, Share, SmallCount, Temperature
from pipeline.core.settings import Params
from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams
from pipeline.training.params import TrainingParams


class LossWeights(Params):
    """Weights of the losses; 0 switches a loss off, and nothing is computed for it."""

    contrastive: LossWeight = Field(
        default=1.0, description="Contrastive loss (InfoNCE, L_ITC) between images and texts."
    )
    distillation: LossWeight = Field(
        default=1.0, description="Distillation loss (L_KD) from stored teacher embeddings into both branches."
    )
    regions: LossWeight = Field(
        default=1.0, description="Contrastive loss between the regions of an image and their phrases."
    )
    questions: LossWeight = Field(
        default=1.0, description="Contrastive loss of answered questions against wrongly answered ones."
    )
    answers: LossWeight = Field(
        default=0.0, description="Masked-answer loss: predict answer words from image and question together."
    )


class ContrastiveParams(Params):
    """Contrastive loss: temperature, and the texts that an image is paired with."""

    temperature: Temperature = Field(default=0.07, description="Initial temperature τ, learned from there.")
    texts_per_image: SmallCount = Field(default=1, description="Texts per image in a batch.")
    synthetic_caption_prob: Share = Field(
        default=0.0, description="Probability of a synthetic text: region captions and answered questions."
    )
    max_parts: SmallCount = Field(
        default=4, description="Maximum region captions and answered questions in a synthetic text."
    )
    location_phrase_prob: Share = Field(
        default=0.0, description="Probability that a region caption in a synthetic text says where its box lies."
    )


class DistillationParams(Params):
    """Distillation from the stored teacher; queue_size, temperature: contrastive kind only."""

    kind: Literal["contrastive", "squared_error", "kl"] = Field(
        default="contrastive",
        description="Target: the teacher's embedding (contrastive, squared_error) or classes (kl).",
    )
    queue_size: int = Field(
        default=65_536,
        ge=0,
        le=65_536,
        description="Maximum entries of the memory bank (S-SMKE: 65,536); 0: the batch alone.",
    )
    temperature: Temperature = Field(default=0.07, description="Temperature τ (S-SMKE: 0.07).")
    learn_temperature: bool = Field(
        default=False, description="Learn the temperature; false: it is fixed, as in S-SMKE."
    )


class RegionParams(Params):
    """Region loss: regions of one image against each other's phrases."""

    per_image: int = Field(default=4, ge=2, le=1000, description="Regions per image in a batch.")
    temperature: Temperature = Field(default=0.07, description="Initial temperature τ, learned from there.")


class QuestionParams(Params):
    """Question losses: statements against wrong answers, and masked answers."""

    per_image: SmallCount = Field(
        default=2, description="Answered questions per image in a batch, for each of the two losses."
    )
    wrong_answers: SmallCount = Field(default=2, description="Wrong answers per answered question.")


TrainedBlocks = Annotated[int, Field(ge=1, le=1000)] | Literal["all"] | None
"""How much of an encoder is trained: its last blocks, all of it, or nothing."""


class TrainEncodersParams(Params):
    """Fine-tuning of the encoders, end to end; all null: frozen, image tokens are cached."""

    image: TrainedBlocks = Field(
        default=None, description="Last blocks of the image encoder to train, or all; null: none."
    )
    text: TrainedBlocks = Field(
        default=None, description="Last layers of the text encoder to train, or all; null: none."
    )
    learning_rate_scale: LearningRateScale = Field(
        default=1.0, description="Learning rate of the encoders, relative to that of the rest."
    )

    @property
    def end_to_end(self) -> bool:
        """Whether anything of an encoder is trained."""
        return self.image is not None or self.text is not None

    @model_validator(mode="after")
    def _only_end_to_end(self) -> TrainEncodersParams:
        if not self.end_to_end and self.learning_rate_scale != 1.0:
            raise ValueError("learning_rate_scale needs something to be trained: set image or text")
        return self


class AlignParams(Params):
    """Stage `align`: the shared encoder on two encoders, frozen or trained along."""

    init_from: str | None = Field(
        default=None,
        pattern="^data/raw/.+",
        exclude_if=lambda folder: folder is None,
        description="Folder of a finished model to start from, below data/raw/; null: none.",
    )
    image_encoder: ImageEncoderParams = ImageEncoderParams()
    text_encoder: TextEncoderParams = TextEncoderParams()
    features: FeatureParams = FeatureParams()
    shared_encoder: SharedEncoderParams = SharedEncoderParams()
    loss_weights: LossWeights
    contrastive: ContrastiveParams = ContrastiveParams()
    distillation: DistillationParams = DistillationParams()
    regions: RegionParams = RegionParams()
    questions: QuestionParams = QuestionParams()
    train_encoders: TrainEncodersParams = Field(
        default=TrainEncodersParams(), exclude_if=lambda given: given == TrainEncodersParams()
    )
    training: TrainingParams

    @model_validator(mode="after")
    def _boxes_fit_the_image(self) -> AlignParams:
        if self.features.hflip and self.contrastive.location_phrase_prob:
            raise ValueError("features.hflip makes left right, so contrastive.location_phrase_prob must be 0")
        if self.image_encoder.resize == "crop" and (self.loss_weights.regions or self.contrastive.location_phrase_prob):
            raise ValueError("boxes are fractions of the whole image, so image_encoder.resize must be squash")
        if self.features.crop_scale and (self.loss_weights.regions or self.contrastive.location_phrase_prob):
            raise ValueError(
                "boxes are fractions of the whole image, so with features.crop_scale loss_weights.regions and "
                "contrastive.location_phrase_prob must be 0"
            )
        return self

    @model_validator(mode="after")
    def _crops_are_stored_or_drawn(self) -> AlignParams:
        if self.features.cached_crops and self.train_encoders.image == "all":
            raise ValueError(
                "nothing of an image encoder that is trained whole can be stored: features.cached_crops must be null"
            )
        if self.features.crop_scale and not self.features.cached_crops and self.train_encoders.image is None:
            raise ValueError("tokens of a frozen image encoder are stored, and so are crops: set features.cached_crops")
        return self

    @model_validator(mode="after")
    def _answers_are_read_in_shared_blocks(self) -> AlignParams:
        if self.loss_weights.answers and (self.shared_encoder.separate or not self.shared_encoder.blocks):
            raise ValueError(
                "loss_weights.answers lets image and question pass the same blocks, so shared_encoder.separate must be "
                "false and shared_encoder.blocks at least 1"
            )
        return self
