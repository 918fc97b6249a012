"""Parameters of the stage that embeds the images with the teacher."""

from typing import Literal

from pydantic import Field

from pipeline.core.parameters.bounds import Precision
from pipeline.core.settings import Params
from pipeline.encoders.common.params import ImageEncoderParams


class EmbedTeacherParams(Params):
    """Stage `embed_teacher`: the image teacher, and the vector that is stored of each image."""

    encoder: ImageEncoderParams = ImageEncoderParams()
    pooling: Literal["mean", "cls", "class_probabilities"] = Field(
        default="mean",
        description="Stored vector: mean patch token, class token, or class probabilities (for kl).",
    )
    precision: Precision = Field(default="float32", description="Arithmetic of the teacher; weights stay float32.")
    images_per_batch: int = Field(
        default=16, ge=1, le=65_536, description="Images embedded together; a batch never crosses a shard's border."
    )
