"""Whether a batch fits into memory at all, found out before it is computed.

What is counted is a lower bound: the inputs, and tensors that are known to lie in memory together. Activations come on
top; they are not known before a model runs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pipeline.core.process.machine_limits import memory_bytes, require


def require_batch(in_memory: float, on_device: float, device: torch.device, option: str, found: str) -> None:
    """Raise UserError if a batch takes more memory than there is.

    in_memory: bytes in main memory. on_device: bytes where the model computes, which is main memory too on a processor.
    option: the parameter that says how large a batch is. found: how large this one is.
    """
    memory = memory_bytes()
    parts = [(in_memory + on_device, memory)]
    if device.type == "cuda":
        parts = [(in_memory, memory), (on_device, torch.cuda.get_device_properties(device).total_memory)]
    for needed, available in parts:
        require("memory", needed, available, option, found, f"choose a smaller {option.rpartition('.')[2]}")


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
