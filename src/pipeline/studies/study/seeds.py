"""Trainings of the chain with other seeds, and the pre-trained model of each seed, which several studies start from.

Weights are the last ones: a training is validated once, after its last update, so the held-out images that are measured
in the end have no say in which weights are kept.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.questioner.pretraining.params import PretrainParams
from pipeline.training.params import TrainingParams

FRESH, PRETRAINED = "fresh", "pretrained"
"""The folders of a seed's model before and after its pre-training."""


def models_of_seed(root: Path, seed: int) -> Path:
    """Where one seed's model lies, before (FRESH) and after (PRETRAINED) its pre-training."""
    return root / "studies" / "data" / "pretrained" / str(seed)


def pretrain_params(chain: PretrainParams, seed: int) -> PretrainParams:
    """The chain's pre-training with another seed, and its last weights."""
    return chain.model_copy(update={"training": last_weights(chain.training, seed, chain.training.steps)})


def last_weights(training: TrainingParams, seed: int, steps: int) -> TrainingParams:
    """So many updates with another seed, validated once after the last, whose weights are then kept."""
    return training.model_copy(update={"seed": training.seed + seed, "steps": steps, "eval_every": steps})
