"""Parameters of the aligned model: what inference needs to know."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from pipeline.core.parameters.bounds import PartialShare
from pipeline.core.settings import Params


class SharedEncoderParams(Params):
    """Shared Transformer encoder: shape, readout, initialisation, dropout."""

    training_only: ClassVar = frozenset(
        ("dropout", "skip_dropout", "token_dropout", "cca_ridge", "readout_init", "layer_scale", "type_embedding_scale")
    )
    """Fields that decide how the weights start and are trained; the finished model is the same without them."""

    width: int | None = Field(
        default=None,
        ge=8,
        le=16_384,
        description="Width of the blocks; heads must divide it; null: width of the text encoder.",
    )
    whiten: bool = Field(
        default=False,
        description="Whiten the encoders' tokens (ZCA); false: centre, divide by one deviation.",
    )
    blocks: int = Field(default=1, ge=0, le=24, description="Transformer blocks that both modalities pass.")
    separate: bool = Field(default=False, description="Give each modality blocks of its own (a control).")
    heads: int = Field(default=8, ge=1, le=1024, description="Attention heads of a block.")
    mlp_ratio: float = Field(
        default=4.0, gt=0, le=64, description="Hidden width of the MLP over the width of the block."
    )
    layer_scale: float = Field(default=0.2, gt=0, le=100, description="Initial LayerScale γ (S-SMKE: 0.2).")
    type_embedding_scale: float = Field(
        default=1e-5, ge=0, le=100, description="Initial scale of the modality-type embedding (S-SMKE: 1e-5)."
    )
    pooling: Literal["cls", "encoder_cls", "mean", "max"] = Field(
        default="cls",
        description="Readout: a new class token, the encoders' own, or the mean or maximum over tokens.",
    )
    projection: int | None = Field(
        default=None,
        ge=2,
        le=16_384,
        description="Width of the embedding; null: width of the blocks, without a projection.",
    )
    skip_pooling: list[Literal["mean", "max"]] = Field(
        default=["mean"],
        max_length=2,
        description="Skip path: linear map of pooled encoder tokens, added to the readout; []: none.",
    )
    cca_ridge: float | None = Field(
        default=1.0,
        gt=0,
        le=1e9,
        description="Ridge of the CCA (canonical correlation) that starts the skip path; null: random.",
    )
    readout_init: float = Field(
        default=0.1,
        gt=0,
        le=1000,
        description="Initial weight of the Transformer readout against the pooled skip path.",
    )
    dropout: PartialShare = Field(default=0.1, description="Dropout probability inside the blocks.")
    skip_dropout: PartialShare = Field(default=0.1, description="Dropout probability on the skip path.")
    token_dropout: PartialShare = Field(
        default=0.0, description="Share of the encoders' tokens that are dropped in training."
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> SharedEncoderParams:
        if self.width and self.width % self.heads:
            raise ValueError("heads must divide width")
        if len(set(self.skip_pooling)) < len(self.skip_pooling):
            raise ValueError("skip_pooling names one pooling twice")
        return self


class TtaParams(Params):
    """Test-time augmentation: an image's embedding is the mean over several views of it."""

    hflip: bool = Field(default=False, description="Average with the mirror image.")
    five_crop: float | None = Field(
        default=None, ge=0.1, lt=1, description="Average with five crops of this share of the sides; null: none."
    )


class FeatureParams(Params):
    """Encoder tokens and augmentation; tokens of frozen encoders are computed once."""

    training_only: ClassVar = frozenset(("hflip", "cached_crops", "crop_scale", "images_per_batch", "tta"))
    """Fields that a training may change while it goes on from a finished model."""

    image_grid: int | None = Field(
        default=None, ge=1, le=256, description="Pool image tokens to n × n; null: all tokens of the encoder."
    )
    text_layers: list[Annotated[int, Field(ge=0, le=1000)]] | None = Field(
        default=None,
        min_length=1,
        max_length=32,
        description="Layers concatenated into text tokens, 0: embeddings; null: the last layer.",
    )
    hflip: bool = Field(default=False, description="Mirror training images at random.")
    crop_scale: list[Annotated[float, Field(gt=0, le=1)]] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="RandomResizedCrop: range of the area (S-SMKE: [0.9, 1]); null: no crops.",
    )
    cached_crops: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Crops cached per training image; null: a fresh crop per step (needs a trained image encoder).",
    )
    images_per_batch: int = Field(
        default=8, ge=1, le=65_536, description="Images encoded together before training; batches stay in one shard."
    )
    tta: TtaParams = TtaParams()

    @model_validator(mode="after")
    def _crops_have_a_scale(self) -> FeatureParams:
        if self.crop_scale and not 0 < self.crop_scale[0] <= self.crop_scale[1] <= 1:
            raise ValueError("crop_scale must be two shares of the area, 0 < least <= largest <= 1")
        if self.cached_crops and not self.crop_scale:
            raise ValueError("cached_crops need a crop_scale")
        return self
