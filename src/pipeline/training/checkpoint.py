"""Checkpoints in the scratch folder: what a killed training goes on from, to the byte.

A checkpoint holds the objective (weights and loss state), the optimiser, the history, the best weights and the
step. Random numbers and the position in the data are functions of the step (see `objective.py`, `grad_cache.py`).
The folder is named by the training's fingerprint, so other code, parameters or data never resume from it.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from pipeline.core.errors import UserError
from pipeline.core.files import atomic_path, hash_file, hash_json
from pipeline.execution.closure import code_hash


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically."""
    with atomic_path(path) as temporary:
        torch.save(state, temporary)


def load(path: Path, device: torch.device) -> dict[str, Any] | None:
    """The checkpoint, or None if there is none. Raises UserError if the file is damaged."""
    if not path.is_file():
        return None
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, OSError, KeyError, pickle.UnpicklingError) as error:
        raise UserError(
            "A checkpoint is damaged.",
            where=path,
            found=str(error)[:200],
            fix=f"remove it: rm -r {path.parent}",
        ) from None


def training_fingerprint(module: Path, parameters: Any, inputs: Iterable[Path]) -> str:
    """Digest of a module's import closure, JSON-able parameters and the contents of input files, in order."""
    return hash_json([code_hash(module), parameters, [hash_file(path) for path in inputs]])
