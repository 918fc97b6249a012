"""Parameters of the questioner's model."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.core.parameters.bounds import LearningRateScale, PartialShare
from pipeline.core.settings import Params
from pipeline.encoders.common.params import ImageEncoderParams

TrainedBlocks = bool | Annotated[int, Field(ge=1, le=1000)]
"""How much of the image encoder is trained: all of it, nothing, or its last blocks."""


class TextModelParams(Params):
    """Text model: a BERT that reads prompts and writes, with new cross-attention."""

    name: str = Field(
        default="builtin:bert",
        pattern=r"^[a-z]+:.+$",
        description="Model: hf:<folder or hub model, a BERT>, or builtin:bert (in this package).",
    )
    weights: str | None = Field(default=None, description="Weights: published (null) or untrained (random).")
    layers: int | None = Field(default=None, ge=1, le=1000, description="Keep the first n layers; null: all layers.")
    dropout: PartialShare = Field(default=0.1, description="Dropout probability, everywhere in the text model.")


class QuestionerParams(Params):
    """Architecture: image encoder and text model."""

    image: ImageEncoderParams = ImageEncoderParams()
    train_image_encoder: TrainedBlocks = Field(
        description="Train the image encoder too: true: all of it, n: its last n blocks; false: frozen."
    )
    image_learning_rate_scale: LearningRateScale = Field(
        default=0.1, description="Learning rate of the image encoder, relative to that of the rest."
    )
    text: TextModelParams = TextModelParams()
    init_from: str | None = Field(
        default=None,
        pattern=r"^(models/pretrained$|data/raw/.+)",
        description="Finished model to start from: models/pretrained or a folder below data/raw/; null: none.",
    )

    @model_validator(mode="after")
    def _boxes_need_the_whole_image(self) -> Self:
        if self.image.resize == "crop":
            raise ValueError("boxes are fractions of the whole image, so image.resize must be squash")
        return self


RegionPrompt = Annotated[
    Literal["roi_tokens", "mask_channel", "coordinates"],
    Field(description="Region: roi_tokens, mask_channel (JADE's indicator) or coordinates (in the prompt)."),
]
