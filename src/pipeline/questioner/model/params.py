"""Parameters of the questioner's model."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.core.settings import Params
from pipeline.encoders.common.params import ImageEncoderParams


class TextModelParams(Params):
    """The BERT that reads prompts and writes; it gets cross-attention in every layer, which starts fresh."""

    name: str = Field(
        default="builtin:bert",
        pattern=r"^[a-z]+:.+$",
        description="hf:<folder of a BERT below the repository's root, or model on the hub>, or builtin:bert",
    )
    weights: str | None = Field(default=None, description="null: the model's own; random: untrained")
    layers: int | None = Field(default=None, ge=1, description="use the first layers only; null: all")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="in training, everywhere in the text model")


class QuestionerParams(Params):
    """Image encoder and text model."""

    image: ImageEncoderParams = ImageEncoderParams()
    train_image_encoder: bool = Field(description="false: its tokens are computed once and kept")
    image_learning_rate_scale: float = Field(
        default=0.1, gt=0, description="learning rate of the image encoder over that of the rest"
    )
    text: TextModelParams = TextModelParams()
    start_from: str | None = Field(
        default=None,
        pattern=r"^data/raw/.+",
        description="folder of an earlier model, to go on from; below data/raw/, where DVC watches it",
    )

    @model_validator(mode="after")
    def _boxes_need_the_whole_image(self) -> Self:
        if self.image.resize == "crop":
            raise ValueError("boxes are fractions of the whole image, so image.resize must be squash")
        return self


Cue = Annotated[
    Literal["feature", "pixel", "none"],
    Field(
        description="feature: boxes are marked on the image tokens (one encoder pass per image); "
        "pixel: on the image (one per box, JADE's way); none: by the prompt's coordinates alone"
    ),
]
