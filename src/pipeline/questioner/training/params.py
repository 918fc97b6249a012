"""Parameters of the trainings of generator and filter model, and of what is measured after any training."""

from __future__ import annotations

from pydantic import Field

from pipeline.core.settings import Params
from pipeline.questioner.data.params import SampleParams
from pipeline.questioner.model.params import QuestionerParams, RegionPrompt
from pipeline.training.params import TrainingParams


class ValidationParams(Params):
    """Measurements on the held-out images (val split)."""

    images_while_training: int = Field(
        ge=1, le=1_000_000_000, description="Images per validation during training, which picks the best weights."
    )
    images: int | None = Field(
        default=None, ge=1, le=1_000_000_000, description="Images for the final metrics; null: all."
    )
    images_per_batch: int = Field(default=32, ge=1, le=65_536, description="Images answered together.")


class AnnotatedTrainingParams(Params):
    """A training on `data/annotations/`."""

    model: QuestionerParams
    region_prompt: RegionPrompt = "roi_tokens"
    annotation_sources: list[str] | None = Field(
        default=None,
        min_length=1,
        description="Sources of annotations to learn from; null: all. Errors of models with different ones agree less.",
    )
    samples: SampleParams
    validation: ValidationParams
    training: TrainingParams


class TrainGeneratorParams(AnnotatedTrainingParams):
    """Stage `train_generator`."""


class TrainFilterParams(AnnotatedTrainingParams):
    """Stage `train_filter`: questions are about the whole image; region captions are learned beside them."""
