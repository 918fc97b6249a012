"""Removing what can be made again: the scratch folder and untracked logs."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.core.errors import UserError
from pipeline.core.files import remove
from pipeline.execution.scratch import own_bytes


def clean_repository(root: Path, dry_run: bool) -> str:
    """Remove `.finealign/` and `results/logs/`; returns what happened, for people.

    Raises UserError while a stage runs, since its work lies there.
    """
    scratch = root / ".finealign"
    for file in sorted((scratch / "locks").glob("*.lock")):
        try:
            with FileLock(file, blocking=False):
                pass
        except Timeout:
            raise UserError(
                "A stage is running.", where=file.stem, fix="wait for it or stop it, then clean again"
            ) from None
    folders = [folder for folder in (scratch, root / "results" / "logs") if folder.is_dir()]
    freed = sum(own_bytes(folder) for folder in folders)
    if not dry_run:
        for folder in folders:
            remove(folder)
    names = ", ".join(folder.relative_to(root).as_posix() for folder in folders) or "nothing"
    return f"{'Would remove' if dry_run else 'Removed'} {names}: {freed / 1e6:.1f} MB."
