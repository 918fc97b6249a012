"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math

from pipeline.training.params import TrainingParams


def learning_rate(step: int, params: TrainingParams) -> float:
    """The rate of update `step` (from 0): a linear rise, then cosine or linear to zero, or constant."""
    warmup = round(params.warmup_ratio * params.steps)
    if step < warmup:
        return params.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, params.steps - warmup)
    match params.schedule:
        case "cosine":
            return params.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
        case "linear":
            return params.learning_rate * (1 - progress)
        case "constant":
            return params.learning_rate
