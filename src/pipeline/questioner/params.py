"""Parameters of the generator and the filter model, and of how they write."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.encoders.params import ImageEncoderParams
from pipeline.settings import Params
from pipeline.training.params import TrainingParams


class SamplingParams(Params):
    """Top-K sampling of texts, each from a random stream of its own."""

    seed: int = Field(ge=0, description="Seed of the random streams.")
    top_k: int = Field(ge=1, description="K: number of most probable words to draw from; 1 is greedy.")
    temperature: float = Field(default=1.0, gt=0, description="Temperature: divides the logits before drawing.")
    max_tokens: int = Field(
        default=30, ge=3, description="Longest text in word pieces; question and answer count together."
    )


class TextModelParams(Params):
    """Text model: a BERT that reads prompts and writes, with new cross-attention."""

    name: str = Field(
        default="builtin:bert",
        pattern=r"^[a-z]+:.+$",
        description="Model: hf:<folder or hub model, a BERT>, or builtin:bert (in this package).",
    )
    weights: str | None = Field(default=None, description="Weights: published (null) or untrained (random).")
    layers: int | None = Field(default=None, ge=1, description="Keep the first n layers; null: all layers.")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout probability, everywhere in the text model.")


class QuestionerParams(Params):
    """Architecture: image encoder and text model."""

    image: ImageEncoderParams = ImageEncoderParams()
    train_image_encoder: bool = Field(
        description="Train the image encoder too; false: frozen, its tokens are computed once."
    )
    image_learning_rate_scale: float = Field(
        default=0.1, gt=0, description="Learning rate of the image encoder, relative to that of the rest."
    )
    text: TextModelParams = TextModelParams()
    start_from: str | None = Field(
        default=None,
        pattern=r"^data/raw/.+",
        description="Folder of a finished model to start from, below data/raw/; null: none.",
    )

    @model_validator(mode="after")
    def _boxes_need_the_whole_image(self) -> Self:
        if self.image.resize == "crop":
            raise ValueError("boxes are fractions of the whole image, so image.resize must be squash")
        return self


class BalanceParams(Params):
    """Sampling weights, 1 / count^strength; 0: as the data comes, 1: equal shares."""

    question_types: float = Field(
        default=0.0, ge=0, le=1, description="Strength for question types, among the questions of an image."
    )
    sources: float = Field(default=0.0, ge=0, le=1, description="Strength for data sources, among images.")


Masking = Literal["in_place", "copy"]
"""How words are hidden; see `masks.py`."""


class SampleParams(Params):
    """Samples of an image in one update: their number, length and masking."""

    questions_per_image: int = Field(
        default=1, ge=1, description="Questions per image and update, drawn with repetition."
    )
    regions_per_image: int = Field(
        default=1, ge=0, description="Maximum region captions per image and update; 0: none are learned."
    )
    max_tokens: int = Field(
        default=30, ge=3, description="Longest caption, or question with its answer, in word pieces."
    )
    max_answer_tokens: int = Field(default=30, ge=1, description="Longest answer in word pieces.")
    hidden_share: float = Field(
        gt=0, le=1, description="Mask probability: questions (generator, JADE: 0.6), answers (filter, VALOR: 0.99)."
    )
    caption_hidden_share: float = Field(
        default=0.6, gt=0, le=1, description="Mask probability of captions (JADE: 0.6)."
    )
    masking: Masking = Field(
        default="in_place",
        description="Masking: words become [MASK] in_place (JADE's UniMLM), or VALOR's full masker (copy).",
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="Label smoothing: probability that is spread over all words."
    )
    pointing_weight: float = Field(
        default=0.0,
        ge=0,
        description="Weight of the grounding loss: −log of the last cross-attention inside the annotated box.",
    )
    balance: BalanceParams = BalanceParams()


class ValidationParams(Params):
    """Measurements on the held-out images (val split)."""

    images_while_training: int = Field(
        ge=1, description="Images per validation during training, which picks the best weights."
    )
    images: int | None = Field(default=None, ge=1, description="Images for the final metrics; null: all.")
    images_per_batch: int = Field(default=32, ge=1, description="Images answered together.")


Cue = Annotated[
    Literal["feature", "pixel", "none"],
    Field(description="Box cue: feature (image tokens), pixel (JADE's indicator), none (prompt only)."),
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
