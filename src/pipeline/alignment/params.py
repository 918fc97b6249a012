"""Parameters of the stage `align`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.core.settings import Params
from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams
from pipeline.training.params import TrainingParams


class SharedEncoderParams(Params):
    """Shape of the shared encoder and its regularisation."""

    width: int | None = Field(default=None, ge=8, description="width of the blocks; null: that of the text encoder")
    whiten: bool = Field(
        default=False,
        description="bring every direction of the encoders' tokens to one scale; false: all by one figure",
    )
    blocks: int = Field(default=1, ge=0, le=24, description="Transformer blocks that both modalities pass")
    separate: bool = Field(default=False, description="each modality gets blocks of its own (a control)")
    heads: int = Field(default=8, ge=1)
    mlp_ratio: float = Field(default=4.0, gt=0)
    layer_scale: float = Field(default=0.2, gt=0, description="initial LayerScale")
    type_embedding_scale: float = Field(default=1e-5, ge=0, description="initial scale of the modality embedding")
    pooling: Literal["cls", "mean", "max"] = Field(
        default="cls", description="readout: class token, or mean or maximum over tokens"
    )
    projection: int | None = Field(default=None, ge=2, description="width of the embedding; null: that of the blocks")
    summary: list[Literal["mean", "max"]] = Field(
        default=["mean"],
        max_length=2,
        description="pooled encoder tokens whose linear map joins the readout; or []",
    )
    summary_ridge: float | None = Field(
        default=1.0,
        gt=0,
        description="start that map by canonical correlation analysis with this ridge; null: start at random",
    )
    block_start: float = Field(
        default=0.1, gt=0, description="size of the blocks' readout at the start, beside that of the summary's map"
    )
    dropout: float = Field(default=0.1, ge=0, lt=1)
    summary_dropout: float = Field(default=0.1, ge=0, lt=1)
    token_dropout: float = Field(default=0.0, ge=0, lt=1, description="share of tokens hidden while training")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> SharedEncoderParams:
        if self.width and self.width % self.heads:
            raise ValueError("heads must divide width")
        if len(set(self.summary)) < len(self.summary):
            raise ValueError("summary names one pooling twice")
        return self


class FeatureParams(Params):
    """What the encoders' tokens are, and how many views of an image; frozen encoders' are computed once."""

    image_grid: int | None = Field(
        default=None, ge=1, description="average the image's tokens to this many rows and columns; null: as they are"
    )
    text_layers: list[int] | None = Field(
        default=None, min_length=1, description="layers whose states, side by side, are a text's tokens; null: the last"
    )
    flips: bool = Field(default=False, description="of every training image also mirrored; one of both at random")
    crop_scale: list[float] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="least and largest share of its area that a training image is cropped to; null: whole images",
    )
    crops: int | None = Field(
        default=None,
        ge=1,
        description="so many crops of every training image are computed once, and one of them or the whole image drawn "
        "each time; null: cropped anew each time, which takes an image encoder that is trained",
    )
    mirror_average: bool = Field(
        default=False, description="embed an image as the mean of itself and its mirror image, when the model is used"
    )
    crop_average: float | None = Field(
        default=None,
        ge=0.1,
        lt=1,
        description="embed an image as the mean of itself and of the mean of five crops, of this share of its sides, "
        "when the model is used; validation while training leaves the crops out; null: itself alone",
    )

    @model_validator(mode="after")
    def _crops_have_a_scale(self) -> FeatureParams:
        if self.crop_scale and not 0 < self.crop_scale[0] <= self.crop_scale[1] <= 1:
            raise ValueError("crop_scale must be two shares of the area, 0 < least <= largest <= 1")
        if self.crops and not self.crop_scale:
            raise ValueError("crops need a crop_scale")
        return self


class LossWeights(Params):
    """Weight of each loss; 0 switches it off, and nothing is computed for it."""

    contrastive: float = Field(default=1.0, ge=0, description="images against texts")
    distillation: float = Field(default=1.0, ge=0, description="stored teacher embeddings, into both branches")
    regions: float = Field(default=1.0, ge=0, description="regions against their phrases")
    questions: float = Field(default=1.0, ge=0, description="answered questions against wrongly answered ones")
    answers: float = Field(default=0.0, ge=0, description="masked words of answers, from image and question together")


class ContrastiveParams(Params):
    """The loss between images and texts, and which texts an image is shown with."""

    temperature: float = Field(default=0.07, ge=0.01, le=1, description="initial; learned from there")
    texts_per_image: int = Field(default=1, ge=1, description="texts of one image in a batch")
    composed_share: float = Field(
        default=0.0, ge=0, le=1, description="share of texts composed of region captions and answered questions"
    )
    composed_texts: int = Field(default=4, ge=1, description="composed texts prepared per image")
    composed_parts: int = Field(default=4, ge=1, description="most region captions and statements in one of them")
    place_share: float = Field(
        default=0.0, ge=0, le=1, description="share of region captions in them that say where their box lies"
    )


class DistillationParams(Params):
    """Learning from what the teacher stored; bank and temperature belong to the contrastive kind."""

    kind: Literal["contrastive", "squared_error", "kl"] = Field(
        default="contrastive",
        description="contrastive or squared_error: predict the teacher's embedding; kl: its class probabilities "
        "(embed_teacher.pooling: class_probabilities)",
    )
    bank: int = Field(default=65_536, ge=0, le=65_536, description="entries of the memory bank at most")
    temperature: float = Field(default=0.07, ge=0.01, le=1)
    learn_temperature: bool = Field(default=False, description="train the temperature; otherwise it is fixed")


class RegionParams(Params):
    """Regions of one image against each other's phrases."""

    per_image: int = Field(default=4, ge=2, description="regions of an image in a batch")
    temperature: float = Field(default=0.07, ge=0.01, le=1, description="initial; learned from there")


class QuestionParams(Params):
    """Answered questions as statements, beside the same question with another answer, and with masked answers."""

    per_image: int = Field(default=2, ge=1, description="statements, and masked answers, of an image in a batch")
    wrong_answers: int = Field(default=2, ge=1, description="wrongly answered copies of each")


Share = Annotated[int, Field(ge=1)] | Literal["all"] | None
"""How much of an encoder is trained: its last blocks, all of it, or nothing."""


class TrainEncodersParams(Params):
    """What is trained of the encoders. Anything: end to end, from pictures and texts; nothing: on stored tokens."""

    image: Share = Field(default=None, description="last blocks that are trained, or all; null: none")
    text: Share = Field(default=None, description="last layers that are trained, or all; null: none")
    learning_rate_scale: float = Field(
        default=1.0, gt=0, description="learning rate of the encoders over that of the rest"
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
        description="folder of a finished model below inputs.encoders, whose weights the training goes on from; "
        "null: a fresh shared encoder on the encoders that are named",
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
