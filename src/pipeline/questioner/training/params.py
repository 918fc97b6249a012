"""Parameters of the generator and the filter model, and of how they write."""

from typing import Literal

from pydantic import Field

from pipeline.core.settings import Params
from pipeline.questioner.model.params import Cue, QuestionerParams
from pipeline.training.params import TrainingParams


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
