"""The end-to-end regime on the tiny world, and a program that computes one gradient in a process of its own."""

import sys
from pathlib import Path
from typing import Any

import torch
from tests.alignment import world
from tests.training.objectives import update_gradient

from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.objective import AlignmentObjective
from pipeline.alignment.training.train import assemble
from pipeline.core.stage import Paths

TEXT = {"name": "hf:deep", "weights": "random", "max_length": 16}
CROPPED: dict[str, Any] = {
    "loss_weights": {"contrastive": 1.0, "distillation": 1.0, "regions": 0.0, "questions": 1.0},
    "features": {"crop_scale": [0.5, 1.0]},
    "train_encoders": {"image": "all", "text": 2, "learning_rate_scale": 0.5},
}


def make(root: Path) -> Paths:
    """The tiny world with a text encoder of three layers, without dropout."""
    paths = world.make(root)
    world.text_encoder(root / "deep", 3, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    return paths


def params(**changes: Any) -> AlignParams:
    return world.params(**{"text_encoder": TEXT, **changes})


def objective(paths: Paths, given: AlignParams) -> AlignmentObjective:
    return assemble(given, paths).objective


def gradients(of: AlignmentObjective) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in of.named_parameters() if p.grad is not None}


def main() -> None:
    """`end_to_end.py ROOT OUT MICRO`: the gradient of one update, with crops, by this process."""
    from pipeline.training.distributed import world as connected

    paths, out, micro = Paths.of(Path(sys.argv[1]), "align"), Path(sys.argv[2]), int(sys.argv[3])
    given = params(**CROPPED, training__micro_batch_size=micro or None)
    found = objective(paths, given)
    with connected() as processes:
        values, _ = update_gradient(found, 3, given.training, processes)
        torch.save((values, gradients(found)), out / f"gradient-{processes.rank}.pt")


if __name__ == "__main__":
    main()
