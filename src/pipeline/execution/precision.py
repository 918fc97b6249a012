"""Mixed precision of a forward pass, in trainings and where a finished model runs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch

from pipeline.core.parameters.bounds import Precision


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """Mixed precision: bfloat16 where asked, else none."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")
