"""Parameters of the stage that embeds the pictures with the teacher."""

from typing import Literal

from pydantic import Field

from pipeline.encoders.params import ImageEncoderParams
from pipeline.settings import Params


class EmbedTeacherParams(Params):
    """Which image encoder teaches, and how its tokens become one vector."""

    encoder: ImageEncoderParams = ImageEncoderParams()
    pooling: Literal["mean", "cls"] = Field(
        default="mean", description="mean of the tokens that belong to places, or the class token"
    )
