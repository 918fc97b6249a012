"""The parameters of the study of few labels, and the chain's parameters as it changes them.

JADE (arXiv 2305.11769) claims that pre-training with generated data makes the model better at downstream tasks. A start
is what a model learned before them. Each start is fine-tuned on each of the chain's tasks with few and with all labels.

All weights are the last ones (`studies/study/seeds.py`).
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from pipeline.core.errors import UserError
from pipeline.core.settings import Params, Seed
from pipeline.questioner.finetuning.params import ContinuedParams, DataWeights, DownstreamTask, FinetuneParams
from pipeline.studies.study.seeds import last_weights

SECTION = "few_labels"
"""Of studies/params.yaml."""
ALL = "all"
"""What names and tables call all labels."""


class Start(Params):
    """What a model learns before the tasks; nothing at all: it is not pre-trained."""

    data: DataWeights | None = Field(
        default=None, description="Data that the pre-trained model goes on with; null: no pre-training at all."
    )
    unfiltered: bool = Field(
        default=False, description="Learn from all generated triplets; false: from those that the filter kept."
    )


class Steps(Params):
    """Optimiser updates, the same for every start."""

    continued: int = Field(ge=1, le=100_000_000, description="Updates of the pre-training that goes on.")
    tasks: int = Field(ge=1, le=100_000_000, description="Updates on each task with each number of labels.")


Labels = Annotated[int, Field(ge=1, le=1_000_000_000)]


class FewLabels(Params):
    """Section `few_labels` of studies/params.yaml."""

    seeds: list[Seed] = Field(min_length=1, description="Seeds; each is added to those of the chain's trainings.")
    labels: list[Labels | None] = Field(
        min_length=1, description="Numbers of questions or captions that a task learns from; null: all."
    )
    steps: Steps
    starts: dict[str, Start] = Field(
        min_length=1, description="What is learned before the tasks; the others are compared with the first."
    )
    also_compared: dict[str, str] = Field(default={}, description="Starts that are compared with another one too.")

    @model_validator(mode="after")
    def _known_starts(self) -> Self:
        unknown = {*self.also_compared, *self.also_compared.values()} - set(self.starts)
        if unknown:
            raise ValueError(f"also_compared names starts that are not there: {', '.join(sorted(unknown))}")
        return self


def finetune_params(chain: FinetuneParams, study: FewLabels, start: Start, seed: int) -> FinetuneParams:
    """The chain's fine-tuning from one start: each of its tasks with each number of labels.

    Raises UserError if the chain has no pre-training that goes on, which the study would change.
    """
    tasks = [task_params(task, most, study.steps.tasks, seed) for task in chain.tasks for most in study.labels]
    return chain.model_copy(update={"continued": continued_params(chain, study, start, seed), "tasks": tasks})


def continued_params(chain: FinetuneParams, study: FewLabels, start: Start, seed: int) -> ContinuedParams | None:
    """The pre-training that goes on from one start; None if it is not pre-trained."""
    if start.data is None:
        return None
    if chain.continued is None:
        raise UserError(
            "The study of few labels changes finetune.continued, which is not there.",
            where="params.yaml: finetune.continued",
            found="null",
            fix="take this block from presets/default.yaml",
        )
    training = last_weights(chain.continued.training, seed, study.steps.continued)
    return chain.continued.model_copy(update={"data": start.data, "training": training})


def task_params(task: DownstreamTask, most: int | None, steps: int, seed: int) -> DownstreamTask:
    """A task of the chain with so many labels, measured on all held-out images."""
    changes = {
        "name": task_name(task, most),
        "most": most,
        "validation": task.validation.model_copy(update={"images": None}),
        "training": last_weights(task.training, seed, steps),
    }
    return task.model_copy(update=changes)


def task_name(task: DownstreamTask, most: int | None) -> str:
    """Name of a task with so many labels: that of its model's folder."""
    return f"{task.name}-{most or ALL}"
