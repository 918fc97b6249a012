"""Checkpoints in the scratch folder: what a killed training goes on from, to the byte.

A checkpoint holds the objective (weights and loss state), the optimiser, the history, the best weights and the
step. Random numbers and the position in the data are functions of the step (see `objective.py`, `grad_cache.py`).

The folder is named by a digest of all that decides the training, so other code, parameters, data or machines never
resume from it. The file ends in a digest of its own content, so one that was cut off, damaged or edited is never taken
up; since it was then written here, by this code and for this training, what it holds needs no further check.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from pipeline.core.errors import UserError
from pipeline.core.files import atomic_path, hash_bytes, hash_file, hash_json, remove
from pipeline.core.process.machine_limits import free_disk_bytes
from pipeline.core.process.system_errors import system_error
from pipeline.execution.closure import code_hash
from pipeline.execution.precision import has_bfloat16
from pipeline.execution.step import library_versions

DIGEST_BYTES = len(hash_bytes(b""))


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically. Raises UserError if the disk does not take it; the one before then stays."""
    if path.is_dir():
        remove(path)
    with told_if_not_written(path), atomic_path(path) as temporary:
        torch.save(state, temporary)
        digest = hash_file(temporary)
        with temporary.open("ab") as stream:
            # torch.load reads a file from its table of contents, and so takes no notice of what stands behind it.
            stream.write(digest.encode())


@contextmanager
def told_if_not_written(path: Path) -> Iterator[None]:
    """Raise UserError where the system does not let a checkpoint be written."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        refused = system_error(error)
        if refused is None:
            raise
        raise UserError(
            "A checkpoint cannot be written.",
            where=path,
            expected="a disk that takes the weights, the best weights and the optimiser's two copies of them",
            found=f"{refused.problem} {free_disk_bytes(path.parent) / 1e9:,.2f} GB are free",
            fix="mend this, and start the same command again: the training goes on from its last checkpoint",
        ) from None


def load(path: Path, device: torch.device) -> dict[str, Any] | None:
    """The checkpoint; None if there is none, or if it is not as it was written, of which a line tells."""
    if not path.exists():
        return None
    if not is_whole(path):
        print(f"The checkpoint {path} is damaged or was edited; the training starts anew.", flush=True)
        return None
    return torch.load(path, map_location=device, weights_only=True)


def is_whole(path: Path) -> bool:
    """Whether this is a file that ends in the digest of what stands before it."""
    if not path.is_file():
        return False
    try:
        with (
            path.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as data,
        ):
            return hash_bytes(data[:-DIGEST_BYTES]).encode() == bytes(data[-DIGEST_BYTES:])
    except (OSError, ValueError):  # An empty file cannot be mapped.
        return False


def training_fingerprint(module: Path, parameters: Any, inputs: Iterable[Path]) -> str:
    """Digest of a module's import closure, JSON-able parameters and the contents of input files, in order."""
    return hash_json([code_hash(module), parameters, [hash_file(path) for path in inputs]])


def machine_fingerprint(fingerprint: str, processes: int, device: torch.device) -> str:
    """Digest of a training's fingerprint and of what computes it: processes, class of device, versions of libraries.

    Each of them changes the last bits of sums; a processor without bfloat16 is a class of its own.
    """
    found = device.type if has_bfloat16(device.type) else f"{device.type}, float32 alone"
    return hash_json([fingerprint, processes, found, library_versions()])
