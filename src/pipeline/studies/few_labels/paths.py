"""Where the study of few labels reads and writes beside what every study does (`StudyPaths`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.core.files import remove
from pipeline.core.process.lock import stage_lock
from pipeline.core.stage import Paths

SECTION = "few_labels"
FRESH, PRETRAINED = "fresh", "pretrained"
"""The folders of a seed's model before and after its pre-training."""


def models_of_seed(root: Path, seed: int) -> Path:
    """Where one seed's model lies, before (FRESH) and after (PRETRAINED) its pre-training."""
    return root / "studies" / "data" / "pretrained" / str(seed)


@contextmanager
def workshop(paths: Paths, name: str) -> Iterator[Path]:
    """A folder for models and checkpoints, which nobody else uses, removed after the block.

    If the block fails or is killed it stays, so that the next start goes on from its checkpoints.
    """
    folder = paths.scratch / SECTION / name
    with stage_lock(paths.scratch, f"{SECTION}-{name}"):
        yield folder
        remove(folder)
