"""Parameters of the stage `align`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.encoders.params import ImageEncoderParams, TextEncoderParams
from pipeline.settings import Params
from pipeline.training.params import TrainingParams


class SharedEncoderParams(Params):
    """Shared Transformer encoder: shape, readout, initialisation, dropout."""

    width: int | None = Field(
        default=None, ge=8, description="Width of the blocks; heads must divide it; null: width of the text encoder."
    )
    whiten: bool = Field(
        default=False,
        description="Whiten the encoders' tokens (ZCA); false: centre, divide by one deviation.",
    )
    blocks: int = Field(default=1, ge=0, le=24, description="Transformer blocks that both modalities pass.")
    separate: bool = Field(default=False, description="Give each modality blocks of its own (a control).")
    heads: int = Field(default=8, ge=1, description="Attention heads of a block.")
    mlp_ratio: float = Field(default=4.0, gt=0, description="Hidden width of the MLP over the width of the block.")
    layer_scale: float = Field(default=0.2, gt=0, description="Initial LayerScale γ (S-SMKE: 0.2).")
    type_embedding_scale: float = Field(
        default=1e-5, ge=0, description="Initial scale of the modality-type embedding (S-SMKE: 1e-5)."
    )
    pooling: Literal["cls", "mean", "max"] = Field(
        default="cls", description="Readout: class token, or mean or maximum over the tokens."
    )
    projection: int | None = Field(
        default=None, ge=2, description="Width of the embedding; null: width of the blocks, without a projection."
    )
    summary: list[Literal["mean", "max"]] = Field(
        default=["mean"],
        max_length=2,
        description="Skip path: linear map of pooled encoder tokens, added to the readout; []: none.",
    )
    summary_ridge: float | None = Field(
        default=1.0,
        gt=0,
        description="Ridge of the CCA (canonical correlation) that starts the skip path; null: random.",
    )
    block_start: float = Field(
        default=0.1, gt=0, description="Initial weight of the Transformer readout against the pooled skip path."
    )
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout probability inside the blocks.")
    summary_dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout probability on the skip path.")
    token_dropout: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the encoders' tokens that are dropped in training."
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> SharedEncoderParams:
        if self.width and self.width % self.heads:
            raise ValueError("heads must divide width")
        if len(set(self.summary)) < len(self.summary):
            raise ValueError("summary names one pooling twice")
        return self


class FeatureParams(Params):
    """Encoder tokens and augmentation; tokens of frozen encoders are computed once."""

    image_grid: int | None = Field(
        default=None, ge=1, description="Pool image tokens to n × n; null: all tokens of the encoder."
    )
    text_layers: list[int] | None = Field(
        default=None,
        min_length=1,
        description="Layers concatenated into text tokens, 0: embeddings; null: the last layer.",
    )
    flips: bool = Field(default=False, description="Mirror training images at random.")
    crop_scale: list[float] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="RandomResizedCrop: range of the area (S-SMKE: [0.9, 1]); null: no crops.",
    )
    crops: int | None = Field(
        default=None,
        ge=1,
        description="Crops cached per training image; null: a fresh crop per step (needs a trained image encoder).",
    )
    mirror_average: bool = Field(default=False, description="Test time: average with the mirror image.")
    crop_average: float | None = Field(
        default=None,
        ge=0.1,
        lt=1,
        description="Test time: average with five crops of this share of the sides; null: none.",
    )

    @model_validator(mode="after")
    def _crops_have_a_scale(self) -> FeatureParams:
        if self.crop_scale and not 0 < self.crop_scale[0] <= self.crop_scale[1] <= 1:
            raise ValueError("crop_scale must be two shares of the area, 0 < least <= largest <= 1")
        if self.crops and not self.crop_scale:
            raise ValueError("crops need a crop_scale")
        return self


class LossWeights(Params):
    """Weights of the losses; 0 switches a loss off, and nothing is computed for it."""

    contrastive: float = Field(
        default=1.0, ge=0, description="Contrastive loss (InfoNCE, L_ITC) between images and texts."
    )
    distillation: float = Field(
        default=1.0, ge=0, description="Distillation loss (L_KD) from stored teacher embeddings into both branches."
    )
    regions: float = Field(
        default=1.0, ge=0, description="Contrastive loss between the regions of an image and their phrases."
    )
    questions: float = Field(
        default=1.0, ge=0, description="Contrastive loss of answered questions against wrongly answered ones."
    )
    answers: float = Field(
        default=0.0, ge=0, description="Masked-answer loss: predict answer words from image and question together."
    )


class ContrastiveParams(Params):
    """Contrastive loss: temperature, and the texts that an image is paired with."""

    temperature: float = Field(default=0.07, ge=0.01, le=1, description="Initial temperature τ, learned from there.")
    texts_per_image: int = Field(default=1, ge=1, description="Texts per image in a batch.")
    composed_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability of a synthetic text: region captions and answered questions.",
    )
    composed_texts: int = Field(default=4, ge=1, description="Synthetic texts prepared per image.")
    composed_parts: int = Field(
        default=4, ge=1, description="Maximum region captions and answered questions in a synthetic text."
    )
    place_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability that a region caption in a synthetic text says where its box lies.",
    )


class DistillationParams(Params):
    """Distillation from the stored teacher; bank, temperature: contrastive kind only."""

    kind: Literal["contrastive", "squared_error", "kl"] = Field(
        default="contrastive",
        description="Target: the teacher's embedding (contrastive, squared_error) or classes (kl).",
    )
    bank: int = Field(
        default=65_536,
        ge=0,
        le=65_536,
        description="Maximum entries of the memory bank (S-SMKE: 65,536); 0: the batch alone.",
    )
    temperature: float = Field(default=0.07, ge=0.01, le=1, description="Temperature τ (S-SMKE: 0.07).")
    learn_temperature: bool = Field(
        default=False, description="Learn the temperature; false: it is fixed, as in S-SMKE."
    )


class RegionParams(Params):
    """Region loss: regions of one image against each other's phrases."""

    per_image: int = Field(default=4, ge=2, description="Regions per image in a batch.")
    temperature: float = Field(default=0.07, ge=0.01, le=1, description="Initial temperature τ, learned from there.")


class QuestionParams(Params):
    """Question losses: statements against wrong answers, and masked answers."""

    per_image: int = Field(
        default=2, ge=1, description="Answered questions per image in a batch, for each of the two losses."
    )
    wrong_answers: int = Field(default=2, ge=1, description="Wrong answers per answered question.")


Share = Annotated[int, Field(ge=1)] | Literal["all"] | None
"""How much of an encoder is trained: its last blocks, all of it, or nothing."""


class TrainEncodersParams(Params):
    """Fine-tuning of the encoders, end to end; all null: frozen, on cached tokens."""

    image: Share = Field(default=None, description="Last blocks of the image encoder to train, or all; null: none.")
    text: Share = Field(default=None, description="Last layers of the text encoder to train, or all; null: none.")
    learning_rate_scale: float = Field(
        default=1.0, gt=0, description="Learning rate of the encoders, relative to that of the rest."
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

    start_from: str | None = Field(
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
        if self.features.flips and self.contrastive.place_share:
            raise ValueError("features.flips makes left right, so contrastive.place_share must be 0")
        if self.image_encoder.resize == "crop" and (self.loss_weights.regions or self.contrastive.place_share):
            raise ValueError("boxes are fractions of the whole image, so image_encoder.resize must be squash")
        if self.features.crop_scale and (self.loss_weights.regions or self.contrastive.place_share):
            raise ValueError(
                "boxes are fractions of the whole image, so with features.crop_scale loss_weights.regions and "
                "contrastive.place_share must be 0"
            )
        return self

    @model_validator(mode="after")
    def _crops_are_stored_or_drawn(self) -> AlignParams:
        if self.features.crops and self.train_encoders.image == "all":
            raise ValueError(
                "nothing of an image encoder that is trained whole can be stored: features.crops must be null"
            )
        if self.features.crop_scale and not self.features.crops and self.train_encoders.image is None:
            raise ValueError("tokens of a frozen image encoder are stored, and so are crops: set features.crops")
        return self

    @model_validator(mode="after")
    def _answers_are_read_in_shared_blocks(self) -> AlignParams:
        if self.loss_weights.answers and (self.shared_encoder.separate or not self.shared_encoder.blocks):
            raise ValueError(
                "loss_weights.answers lets image and question pass the same blocks, so shared_encoder.separate must be "
                "false and shared_encoder.blocks at least 1"
            )
        if self.loss_weights.answers and self.train_encoders.text:
            raise ValueError(
                "loss_weights.answers reads stored tokens of questions, so train_encoders.text must be null"
            )
        return self
