"""Where a study's cell trains: a folder in scratch that nobody else uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.core.files import remove
from pipeline.core.process.lock import stage_lock


@contextmanager
def workshop(scratch: Path, study: str, name: str) -> Iterator[Path]:
    """A folder for models and checkpoints of one cell, removed after the block.

    If the block fails or is killed it stays, so that the next start goes on from its checkpoints.
    """
    folder = scratch / study / name
    with stage_lock(scratch, f"{study}-{name}"):
        yield folder
        remove(folder)
