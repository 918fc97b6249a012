"""Locks: a stage runs once at a time, and nothing is put in place while DVC takes up what lies there.

The kernel releases a lock when the process that holds it ends, however it ends; the files stay.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from pipeline.core.process.dvc_start import DvcStart, begin_dvc_start
from pipeline.core.process.leftovers import sweep


@contextmanager
def stage_lock(scratch: Path, name: str) -> Iterator[DvcStart | None]:
    """Run alone under a name: wait while another process runs under it, and sweep what killed ones left in scratch.

    Gives the start by DVC that this run belongs to, if there is one. An orphan ends here.
    """
    start = begin_dvc_start(scratch)
    file = scratch / "locks" / f"{name}.lock"
    with acquired(file, "which still runs this stage"):
        if start:
            start.end_if_over()
        file.write_text(str(os.getpid()), encoding="ascii")
        sweep(scratch)
        yield start


@contextmanager
def publishing(root: Path, start: DvcStart | None) -> Iterator[None]:
    """Replace outputs inside the block: an orphan ends here, and a start by hand holds DVC's lock.

    Under that lock DVC hashes outputs and takes them into its cache. It is free while DVC runs a stage's command.
    """
    file = root / ".dvc" / "tmp" / "lock"
    if start:
        start.end_if_over()
    with acquired(file, "a DVC command") if not start and file.is_file() else nullcontext():
        yield


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
