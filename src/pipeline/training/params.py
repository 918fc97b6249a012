"""Parameters of the training loop, one block in each training stage's section."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pipeline.core.settings import Params


class TrainingParams(Params):
    """How long, how large and how fast; what is trained belongs to the stage."""

    seed: int = Field(ge=0, description="Seed of initialisation, order of samples, masks and dropout.")
    steps: int = Field(ge=1, description="Optimiser updates at most.")
    batch_size: int = Field(ge=1, description="Samples per update, over all processes.")
    micro_batch_size: int | None = Field(
        default=None, ge=1, description="Samples per forward pass; fewer save memory and change no gradient."
    )
    learning_rate: float = Field(gt=0, description="Peak learning rate.")
    warmup_share: float = Field(default=0.1, ge=0, lt=1, description="Share of the steps with rising rate.")
    schedule: Literal["cosine", "linear", "constant"] = Field(
        default="cosine", description="How the learning rate falls after the warm-up."
    )
    weight_decay: float = Field(default=0.01, ge=0, description="AdamW's decay, on matrices only.")
    betas: list[float] = Field(default=[0.9, 0.98], min_length=2, max_length=2, description="AdamW's betas.")
    gradient_clip: float = Field(default=1.0, gt=0, description="Largest norm of the gradient.")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="Arithmetic of the forward pass; weights stay float32."
    )
    validate_every: int = Field(default=100, ge=1, description="Steps between two validations.")
    patience: int | None = Field(
        default=None, ge=1, description="Validations without improvement before stopping early; none: never."
    )
    log_every: int = Field(default=10, ge=1, description="Steps that one point of the curves averages.")

    @model_validator(mode="after")
    def _micro_divides_batch(self) -> TrainingParams:
        if self.micro_batch_size and self.batch_size % self.micro_batch_size:
            raise ValueError("micro_batch_size must divide batch_size")
        return self
