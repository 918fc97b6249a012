"""Which encoders to use: names, weights, and how images and texts are prepared for them."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.parameters.bounds import TextLength
from pipeline.core.settings import Params

Size = Field(ge=-16_384, le=16_384)
"""Numbers among the arguments of a model: beyond these, building it would take all memory."""


class ImageEncoderParams(Params):
    """Image encoder; null takes a value from the model's own configuration."""

    name: str = Field(
        default="builtin:vit",
        pattern=r"^[a-z]+:.+$",
        description="Model: timm:<any of timm's>, or builtin:vit (ships with this package).",
    )
    weights: str | None = Field(
        default=None,
        description="Path to weights, a safetensors file; null: published or packaged; random: untrained.",
    )
    blocks: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        exclude_if=lambda blocks: blocks is None,
        description="Keep the first n blocks (ConvNets: stages); null: the whole encoder.",
    )
    options: dict[str, bool | Annotated[int, Size] | Annotated[float, Size] | str] = Field(
        default={}, description="Further arguments of timm.create_model, such as pad_type or img_size."
    )
    image_size: int | None = Field(default=None, ge=8, le=2048, description="Side of the square input, in pixels.")
    resize: Literal["squash", "crop"] = Field(
        default="squash",
        description="Resize to the square (squash), or by the shorter side, then crop the centre.",
    )
    interpolation: Literal["bilinear", "bicubic", "lanczos"] | None = Field(
        default=None, description="Filter that resizes images."
    )
    mean: list[Annotated[float, Field(ge=-10, le=10)]] | None = Field(
        default=None, min_length=3, max_length=3, description="Mean of red, green and blue, on a scale of 0 to 1."
    )
    std: list[Annotated[float, Field(ge=0.001, le=10)]] | None = Field(
        default=None,
        min_length=3,
        max_length=3,
        description="Standard deviation of red, green and blue, on a scale of 0 to 1.",
    )


class TextEncoderParams(Params):
    """Text encoder."""

    name: str = Field(
        default="builtin:bert",
        pattern=r"^[a-z]+:.+$",
        description="Model: hf:<folder or hub model>, or builtin:bert (ships with this package).",
    )
    weights: str | None = Field(
        default=None,
        description="Path to a folder (builtin only); null: published; random: untrained.",
    )
    layers: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        exclude_if=lambda layers: layers is None,
        description="Keep the embeddings and the first n layers; null: all layers.",
    )
    max_length: TextLength = Field(default=32, description="Longest text in tokens, [CLS] and [SEP] included.")
