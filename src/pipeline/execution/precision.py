"""Mixed precision of a forward pass, in trainings and where a finished model runs.

A processor without AVX-512 (or its like on ARM) has no bfloat16 arithmetic: PyTorch then converts number by number, and
a matrix product takes 50 times as long as in float32 (Zen 3, PyTorch 2.14). There float32 takes bfloat16's place, which
is faster and rounds less.
"""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from typing import Any

import torch

from pipeline.core.parameters.bounds import Precision


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """Mixed precision: bfloat16 where it is asked for and the device has it, else none."""
    enabled = precision == "bfloat16"
    if enabled and not has_bfloat16(device.type):
        enabled = False
        tell_of_float32()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


@functools.cache
def has_bfloat16(device_type: str) -> bool:
    """Whether devices of a type compute in bfloat16; every accelerator is taken to do so.

    For a processor oneDNN answers, which computes PyTorch's matrix products there.
    """
    if device_type != "cpu":
        return True
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@functools.cache
def tell_of_float32() -> None:
    """Say, once in a process, that float32 takes the place of bfloat16."""
    print("This processor has no bfloat16 arithmetic; float32 takes its place.", flush=True)
