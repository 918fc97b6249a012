"""The parameters of the study `init_from`, and the chain's parameters as it changes them.

A start is what generator and filter model learned before their own trainings. Those that start from the pre-trained
model get fewer updates, so that all starts take the same time, pre-training included.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import Field

from pipeline.core.settings import Params, Seed
from pipeline.questioner.training.params import AnnotatedTrainingParams
from pipeline.studies.study.seeds import PRETRAINED, last_weights, models_of_seed

SECTION = "init_from"
"""Of studies/params.yaml."""

P = TypeVar("P", bound=AnnotatedTrainingParams)


class Start(Params):
    """How generator and filter model are trained."""

    pretrained: bool = Field(default=False, description="Start from the pre-trained model of the same seed.")
    steps: int = Field(ge=1, le=100_000_000, description="Updates of each of the two trainings.")


class InitFromStudy(Params):
    """Section `init_from` of studies/params.yaml."""

    seeds: list[Seed] = Field(min_length=1, description="Seeds; each is added to those of the chain's trainings.")
    starts: dict[str, Start] = Field(min_length=1, description="Starts; the others are compared with the first.")


def training_params(chain: P, start: Start, seed: int) -> P:
    """One of the chain's two trainings from one start, measured on all held-out images."""
    folder = models_of_seed(Path(), seed) / PRETRAINED if start.pretrained else None
    changes = {
        "model": chain.model.model_copy(update={"init_from": folder and folder.as_posix()}),
        "validation": chain.validation.model_copy(update={"images": None}),
        "training": last_weights(chain.training, seed, start.steps),
    }
    return chain.model_copy(update=changes)
