"""Parameters of the generator and the filter model, and of how they write."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.core.settings import Params
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.training.params import TrainingParams


class SamplingParams(Params):
    """How texts are drawn: among the `top_k` best words, each text from a random stream of its own."""

    seed: int = Field(ge=0, description="Seed of the random streams.")
    top_k: int = Field(ge=1, description="Words to draw from at each step; 1 is greedy.")
    temperature: float = Field(default=1.0, gt=0, description="Divides the scores before drawing.")
    max_tokens: int = Field(
        default=30, ge=3, description="Longest text in word pieces; a question and its answer count together."
    )


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


class BalanceParams(Params):
    """How samples are drawn: weight 1 / count^strength, so 0 is as they come and 1 is equal shares."""

    question_types: float = Field(default=0.0, ge=0, le=1, description="among the questions of an image")
    sources: float = Field(default=0.0, ge=0, le=1, description="among images")


Masking = Literal["in_place", "copy"]
"""How words are hidden; see `masks.py`."""


class SampleParams(Params):
    """What one update sees of an image, and how texts are cut and hidden."""

    questions_per_image: int = Field(default=1, ge=1, description="drawn with repetition")
    regions_per_image: int = Field(default=1, ge=0, description="at most, all different; 0: no region captions")
    max_tokens: int = Field(default=30, ge=3, description="longest caption, or question with answer, in pieces")
    max_answer_tokens: int = Field(default=30, ge=1, description="longest answer in pieces")
    hidden_share: float = Field(
        gt=0, le=1, description="share of hidden words of questions (generator) or of answers (filter)"
    )
    caption_hidden_share: float = Field(default=0.6, gt=0, le=1, description="share of hidden words of captions")
    masking: Masking = Field(
        default="in_place",
        description="in_place: later words read a text with gaps (JADE's way); copy: the whole text, as in decoding",
    )
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="spread over all words")
    pointing_weight: float = Field(
        default=0.0, ge=0, description="weight of the loss by which answers and captions must look into their box"
    )
    balance: BalanceParams = BalanceParams()


class ValidationParams(Params):
    """What is measured on the held-out images."""

    images_while_training: int = Field(ge=1, description="for choosing the best weights")
    images: int | None = Field(default=None, ge=1, description="for the final figures; null: all")
    images_per_batch: int = Field(default=32, ge=1, description="answered together")


Cue = Annotated[
    Literal["feature", "pixel", "none"],
    Field(
        description="feature: boxes are marked on the image tokens (one encoder pass per image); "
        "pixel: on the image (one per box, JADE's way); none: by the prompt's coordinates alone"
    ),
]


class TrainGeneratorParams(Params):
    """Stage `train_generator`."""

    model: QuestionerParams
    region_cue: Cue = "feature"
    samples: SampleParams
    validation: ValidationParams
    training: TrainingParams


class TrainFilterParams(Params):
    """Stage `train_filter`: questions are about the whole image; region captions are learned beside them."""

    model: QuestionerParams
    region_cue: Cue = "feature"
    samples: SampleParams
    validation: ValidationParams
    training: TrainingParams
