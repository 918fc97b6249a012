"""Whether a batch of a training fits into memory at all, found out from a few samples before the training begins.

Counted are all samples of an update as tensors, which are in main memory together also where they pass through the
model in micro-batches, and what the joint losses compare.
"""

from __future__ import annotations

import torch

from pipeline.execution.batch_memory import require_batch, tensor_bytes
from pipeline.training.distributed import World
from pipeline.training.objective import Objective
from pipeline.training.params import TrainingParams

PROBE = 64
"""Samples that are made to learn the size of one."""


def check_memory(objective: Objective, params: TrainingParams, processes: World, device: torch.device) -> None:
    """Raise UserError if a batch takes more memory than this machine has, or its losses more than the device has."""
    probe = objective.batch(0)[:PROBE]
    samples = tensor_bytes(objective.collate(probe, 0)) / len(probe) * params.batch_size / processes.size
    joint = objective.joint_bytes(params.batch_size)
    require_batch(samples, joint, device, "training.batch_size", f"{params.batch_size:,} samples")
