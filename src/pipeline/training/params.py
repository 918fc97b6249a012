"""Parameters of the training loop, one block in each training stage's section."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.core.parameters.bounds import PartialShare, Precision
from pipeline.core.settings import Params, Seed


class TrainingParams(Params):
    """Training loop: length, batch, learning rate (AdamW), precision, validation."""

    seed: Seed = Field(description="Seed of initialisation, sample order, masks and dropout.")
    steps: int = Field(ge=1, le=100_000_000, description="Maximum number of optimiser updates.")
    batch_size: int = Field(ge=1, le=1_000_000, description="Samples per update, summed over all processes.")
    micro_batch_size: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Samples per forward pass, to save memory; same gradient; null: batch_size.",
    )
    learning_rate: float = Field(gt=0, le=1, description="Peak learning rate.")
    warmup_ratio: PartialShare = Field(
        default=0.1, description="Share of the updates in which the learning rate rises linearly to its peak."
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        default="cosine", description="Shape of the learning rate after the warm-up."
    )
    weight_decay: float = Field(default=0.01, ge=0, le=10, description="AdamW's weight decay, on matrices only.")
    betas: list[Annotated[float, Field(ge=0, lt=1)]] = Field(
        default=[0.9, 0.98], min_length=2, max_length=2, description="AdamW's β₁ and β₂."
    )
    max_grad_norm: float = Field(
        default=1.0, gt=0, le=1e9, description="Maximum norm of the gradient; longer ones are scaled down."
    )
    precision: Precision = Field(default="float32", description="Arithmetic of the forward pass; weights stay float32.")
    eval_every: int = Field(default=100, ge=1, le=100_000_000, description="Updates between two validations.")
    patience: int | None = Field(
        default=None,
        ge=1,
        le=100_000_000,
        description="Validations without improvement before training stops early; null: never.",
    )
    log_every: int = Field(
        default=10, ge=1, le=100_000_000, description="Updates that one point of the training curve averages."
    )

    @model_validator(mode="after")
    def _micro_divides_batch(self) -> TrainingParams:
        if self.micro_batch_size and self.batch_size % self.micro_batch_size:
            raise ValueError("micro_batch_size must divide batch_size")
        return self
