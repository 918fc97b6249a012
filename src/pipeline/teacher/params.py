"""Parameters of the stage that embeds the pictures with the teacher."""

from typing import Literal

from pydantic import Field

from pipeline.core.settings import Params
from pipeline.encoders.common.params import ImageEncoderParams


class EmbedTeacherParams(Params):
    """Which image encoder teaches, and what vector it stores of a picture."""

    encoder: ImageEncoderParams = ImageEncoderParams()
    pooling: Literal["mean", "cls", "class_probabilities"] = Field(
        default="mean",
        description="mean of the tokens that belong to places, or the class token, or the softmax of the encoder's own "
        "classifier (for align.distillation.kind: kl)",
    )
