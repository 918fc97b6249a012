"""Whether a batch fits into memory at all, found out from a few samples before the training begins.

What is counted is a lower bound: all samples of an update as tensors, which are in main memory together also where they
pass through the model in micro-batches, and what the joint losses compare. Activations come on top; they are not known
before the model runs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pipeline.core.process.machine_limits import memory_bytes, require
from pipeline.training.distributed import World
from pipeline.training.objective import Objective
from pipeline.training.params import TrainingParams

PROBE = 64
"""Samples that are made to learn the size of one."""


def check_memory(objective: Objective, params: TrainingParams, processes: World, device: torch.device) -> None:
    """Raise UserError if a batch takes more memory than this machine has, or its losses more than the device has."""
    probe = objective.batch(0)[:PROBE]
    sample = tensor_bytes(objective.collate(probe, 0)) / len(probe)
    memory = memory_bytes()
    on_device = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else memory
    for needed, available in (
        (sample * params.batch_size / processes.size, memory),
        (objective.joint_bytes(params.batch_size), on_device),
    ):
        found = f"{params.batch_size:,} samples"
        require("memory", needed, available, "training.batch_size", found, "choose a smaller batch_size")


def tensor_bytes(value: Any) -> int:
    """Bytes of all tensors in nested dicts, lists and tuples."""
    match value:
        case Tensor():
            return value.nbytes
        case dict():
            return sum(map(tensor_bytes, value.values()))
        case list() | tuple():
            return sum(map(tensor_bytes, value))
        case _:
            return 0
