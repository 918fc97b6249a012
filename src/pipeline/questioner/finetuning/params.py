"""Parameters of fine-tuning: the pre-training that goes on, and the tasks after it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.core.parameters.bounds import (
    LearningRateScale,
    LossWeight,
    PartialShare,
    PositiveShare,
    SmallCount,
    Temperature,
)
from pipeline.core.settings import Params
from pipeline.questioner.data.params import Masking, Mixing, SampleParams
from pipeline.questioner.pretraining.params import PairWeights
from pipeline.questioner.training.params import ValidationParams
from pipeline.training.params import TrainingParams


class DataWeights(Params):
    """Weights of the data sets; one of weight 0 is not read."""

    pairs: float = Field(default=1.0, ge=0, le=1e6, description="Image-caption pairs (data/pairs).")
    triplets: float = Field(default=1.0, ge=0, le=1e6, description="Generated triplets (the folder inputs.triplets).")
    annotations: float = Field(default=0.0, ge=0, le=1e6, description="Annotators' work (data/annotations).")

    @model_validator(mode="after")
    def _some_data(self) -> Self:
        if not any(self.model_dump().values()):
            raise ValueError("at least one weight must be above 0")
        return self


class TaskWeights(PairWeights):
    """Weights of the losses; a task of weight 0 is left out."""

    answer: LossWeight = Field(default=1.0, description="Answers to questions about the whole image (JADE).")
    region_caption: LossWeight = Field(default=1.0, description="Captions of regions (JADE).")


class TaskSampleParams(Params):
    """Samples of an image in one update: their number and masking."""

    questions_per_image: SmallCount = Field(
        default=1, description="Questions per image and update, drawn with repetition."
    )
    regions_per_image: int = Field(
        default=1, ge=0, le=1000, description="Maximum region captions per image and update."
    )
    max_answer_tokens: int = Field(default=5, ge=1, le=512, description="Longest answer in word pieces (VALOR: 5).")
    answer_mask_prob: PositiveShare = Field(default=0.99, description="Mask probability of answers (VALOR: 0.99).")
    caption_mask_prob: PositiveShare = Field(default=0.6, description="Mask probability of captions (VALOR: 0.6).")
    masked_words_prob: PositiveShare = Field(
        default=0.15, description="Mask probability of the task masked_words (VALOR: 0.15)."
    )
    masking: Masking = Field(
        default="partial", description="Masking of captions and answers: partial or full (VALOR's full masker)."
    )
    label_smoothing: PartialShare = Field(
        default=0.0, description="Label smoothing: probability that is spread over all words."
    )
    grounding_weight: LossWeight = Field(
        default=0.0, description="Weight of the grounding loss, where the data has boxes."
    )

    def sample_params(self, max_tokens: int) -> SampleParams:
        """The same, as the objective of all trainings takes it."""
        return SampleParams(
            questions_per_image=self.questions_per_image,
            regions_per_image=self.regions_per_image,
            max_tokens=max_tokens,
            max_answer_tokens=self.max_answer_tokens,
            mask_prob=self.answer_mask_prob,
            caption_mask_prob=self.caption_mask_prob,
            masking=self.masking,
            label_smoothing=self.label_smoothing,
            grounding_weight=self.grounding_weight,
        )


class ContinuedParams(Params):
    """Pre-training that goes on from the pre-trained model (JADE: with the triplets)."""

    data: DataWeights = DataWeights()
    mixing: Mixing = Field(
        default="one_per_update", description="Each update: one_per_update (VALOR) or mixed, in fixed shares."
    )
    weights: TaskWeights = TaskWeights()
    samples: TaskSampleParams = TaskSampleParams()
    images_while_training: int = Field(
        ge=1, le=1_000_000_000, description="Images of each data set per validation, which picks the best weights."
    )
    training: TrainingParams


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
"""The name of a task or of a score, which is that of a folder."""
Folder = Annotated[str, Field(pattern=r"^(pairs|annotations(/[^/]+)?|benchmarks/[^/]+)$")]


class DownstreamTask(Params):
    """A task that the model is fine-tuned on, and measured."""

    name: Name = Field(description="Name of the model's folder.")
    task: Literal["questions", "captions", "retrieval"] = Field(
        description="Task: questions (VQA), captions or retrieval (contrast)."
    )
    train_on: Folder = Field(
        description="Source: pairs, annotations, annotations/<source> (split train) or benchmarks/<name>."
    )
    validate_on: Folder = Field(
        description="Source: pairs, annotations, annotations/<source> (split val) or benchmarks/<name>."
    )
    most: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        description="Maximum number of questions or captions learned from, drawn by training.seed; null: all.",
    )
    samples: TaskSampleParams = TaskSampleParams()
    validation: ValidationParams
    training: TrainingParams


class FinetuneParams(Params):
    """Stage `finetune`."""

    continued: ContinuedParams | None = Field(
        default=None, description="Pre-training that goes on first; null: the tasks start from the pre-trained model."
    )
    temperature: Temperature = Field(
        default=0.07, description="Temperature of the contrastive loss at the start; it is learned."
    )
    train_image_encoder: bool = Field(
        default=True, description="Go on training what pre-training trained of the image encoder; false: frozen."
    )
    image_learning_rate_scale: LearningRateScale = Field(
        default=0.1, description="Learning rate of the image encoder, if it is trained, relative to that of the rest."
    )
    dropout: PartialShare | None = Field(
        default=None, description="Dropout probability, everywhere in the text model; null: that of pre-training."
    )
    tasks: list[DownstreamTask] = Field(description="Tasks, each learned from the same start and measured.")

    @model_validator(mode="after")
    def _unique_names(self) -> Self:
        names = [task.name for task in self.tasks]
        if len(set(names)) < len(names) or {CONTINUED, SHARED_ENCODER} & set(names):
            raise ValueError(f"tasks need different names, and none may be called {CONTINUED} or {SHARED_ENCODER}")
        return self


CONTINUED = "continued"
"""Name of the folder of the model after the pre-training that goes on."""
SHARED_ENCODER = "alignment"
"""What `evaluate_finetuned` calls the model of `align`, which is no fine-tuned one."""
