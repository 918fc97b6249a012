"""The smallest trainings that a test can run."""

from __future__ import annotations

from typing import Any

ONE_LAYER = {"train_image_encoder": False, "text": {"layers": 1}}
FEW_IMAGES = {"images_while_training": 2}


def training(steps: int, **more: Any) -> dict[str, Any]:
    """A training of few updates, of three images each."""
    return {"seed": 0, "steps": steps, "batch_size": 3, "learning_rate": 0.01, "eval_every": 2, **more}


def shared_training(steps: int, **more: Any) -> dict[str, Any]:
    """A training that two processes can share.

    AdamW makes full steps of gradients that are nothing but rounding, so steps are small.
    """
    return training(steps, **{"batch_size": 4, "micro_batch_size": 2, "learning_rate": 3e-4, **more})
