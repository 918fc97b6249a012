"""Which encoders to use: names, weights, and how images and texts are prepared for them."""

from typing import Literal

from pydantic import Field

from pipeline.core.settings import Params


class ImageEncoderParams(Params):
    """An image encoder by name. What is left at null is taken from the model's own configuration."""

    name: str = Field(
        default="builtin:vit",
        pattern=r"^[a-z]+:.+$",
        description="timm:<model> (any of timm's), or builtin:vit (the small one that ships with the package)",
    )
    weights: str | None = Field(
        default=None,
        description="path below the repository's root: a safetensors file for timm, a folder for builtin; "
        "null: the model's published weights (from the cache, or downloaded); random: untrained, on purpose",
    )
    blocks: int | None = Field(
        default=None,
        ge=1,
        exclude_if=lambda blocks: blocks is None,
        description="the first blocks (stages of a convolutional network), without what is behind them; null: all",
    )
    options: dict[str, bool | int | float | str] = Field(
        default={}, description="further arguments of timm.create_model, such as pad_type or img_size"
    )
    image_size: int | None = Field(default=None, ge=8, le=2048, description="side of the square input, pixels")
    resize: Literal["squash", "crop"] = Field(
        default="squash",
        description="squash: both sides to image_size; crop: the shorter side to it, then the centre",
    )
    interpolation: Literal["bilinear", "bicubic", "lanczos"] | None = None
    mean: list[float] | None = Field(default=None, min_length=3, max_length=3, description="per channel, of 0 to 1")
    std: list[float] | None = Field(default=None, min_length=3, max_length=3, description="per channel, of 0 to 1")


class TextEncoderParams(Params):
    """A text encoder by name."""

    name: str = Field(
        default="builtin:bert",
        pattern=r"^[a-z]+:.+$",
        description="hf:<folder below the repository's root, or model on the Hugging Face hub>, or builtin:bert",
    )
    weights: str | None = Field(
        default=None,
        description="null: the model's own; for builtin a folder below the repository's root; random: untrained",
    )
    layers: int | None = Field(
        default=None,
        ge=1,
        exclude_if=lambda layers: layers is None,
        description="embeddings and the first layers only; null: all",
    )
    max_length: int = Field(default=32, ge=3, le=512, description="longest text in tokens, with [CLS] and [SEP]")
