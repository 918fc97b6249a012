"""Parameters of the aligned model: what inference needs to know."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pipeline.core.settings import Params


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
