"""One running copy per stage.

When only the `dvc` process is killed, the stage it started runs on as an orphan. A second `dvc repro` then
starts the same stage beside it, on the same outputs. The lock makes the second one wait until the first has
ended. It is an advisory `flock`, which the kernel releases with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path, announce: Callable[[str], None] = print, poll_seconds: float = 0.2) -> Iterator[None]:
    """Hold the lock file `path`; wait, saying so once, while another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        announced = False
        while not _try_lock(stream.fileno()):
            if not announced:
                stream.seek(0)
                holder = stream.read().strip() or "unknown"
                announce(f"Waiting for process {holder}, which still runs this stage ({path.name}).")
                announced = True
            time.sleep(poll_seconds)
        stream.seek(0)
        stream.truncate()
        stream.write(str(os.getpid()))
        stream.flush()
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
