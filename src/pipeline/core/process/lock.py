"""Locks: a stage runs once at a time, and nothing is put in place while DVC takes up what lies there.

The kernel releases a lock when the process that holds it ends, however it ends; the files stay.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout


@contextmanager
def stage_lock(file: Path) -> Iterator[None]:
    """Hold a stage's lock file, which then names this process; wait while another process holds it."""
    with acquired(file, "which still runs this stage"):
        file.write_text(str(os.getpid()), encoding="ascii")
        yield


def dvc_lock(root: Path) -> BaseFileLock | nullcontext[None]:
    """Hold the lock under which DVC hashes outputs and takes them into its cache; nothing where DVC never ran.

    It is free while DVC runs a stage's command, so only a stage that was started by hand asks for it.
    """
    file = root / ".dvc" / "tmp" / "lock"
    return acquired(file, "a DVC command") if file.is_file() else nullcontext()


def acquired(file: Path, holds_it: str) -> BaseFileLock:
    """A lock file's lock, acquired, to be released by `with`. Says once that it waits, and for whom."""
    lock = FileLock(file, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        holder = file.read_text(encoding="utf-8").strip() or "unknown"
        print(f"Waiting for process {holder}, {holds_it} ({file.name}).", flush=True)
        lock.acquire()
    return lock
