"""Temporary files and folders that killed processes left behind."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil

from pipeline.core.files import TEMPORARY, remove, temporary_path


def sweep(folder: Path) -> None:
    """Remove every temporary file and folder (`core.files.temporary_path`) below `folder` whose process is dead.

    Each is renamed first: a worker of the dead process, on another machine, may still write to it by its name.
    """
    for place, folders, files in os.walk(folder):
        temporary = {name: int(match[1]) for name in (*folders, *files) if (match := TEMPORARY.fullmatch(name))}
        folders[:] = [name for name in folders if name not in temporary]
        for name, process in temporary.items():
            # Another stage may sweep the same folder at the same time.
            with suppress(FileNotFoundError):
                if not is_at_work(process, Path(place, name)):
                    gone = Path(place, name).rename(temporary_path(Path(place, name)))
                    remove(gone)


def is_at_work(process: int, path: Path) -> bool:
    """Whether the process that made `path` still lives: one that was started later only has its number."""
    try:
        return psutil.Process(process).create_time() <= path.lstat().st_mtime
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
