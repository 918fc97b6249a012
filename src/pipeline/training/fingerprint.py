"""A digest of what decides a training's result, under which its checkpoints are kept."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.core.files import hash_file, hash_json
from pipeline.execution.closure import code_hash


def training_fingerprint(module: Path, parameters: Any, inputs: Iterable[Path]) -> str:
    """Digest of a module's import closure, JSON-able parameters and the contents of input files, in order."""
    return hash_json([code_hash(module), parameters, [hash_file(path) for path in inputs]])
