"""Whether the DVC that started a stage still waits for it.

When only `dvc` is killed, the stage that it started runs on as an orphan, beside the next `dvc repro`. Nobody waits for
its outputs, and the parameters that it read may have changed since. So it ends. A stage is an orphan if

1. the process that started it for DVC has ended: the nearest ancestor without DVC_STAGE in its environment, since DVC
   sets that for the commands that it runs, and for nothing else; or
2. DVC has started the same stage anew, which it never does while the first start runs. This covers a DVC that ended
   before its stage could look.

A stage that was started by hand belongs to no DVC. It is never an orphan, and may outlive its shell (`nohup`).
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.core.files import write_text
from pipeline.core.process import interruption

SECONDS_BETWEEN_LOOKS = 0.3


@dataclass(frozen=True)
class DvcStart:
    """A start of a stage by DVC: the process that waits for it, and the file that names the newest start."""

    starter: psutil.Process | None
    newest: Path

    def is_over(self) -> bool:
        """Whether nobody waits for this start any more."""
        try:
            waits = self.starter is None or (
                self.starter.is_running() and self.starter.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            waits = False
        return not waits or (self.newest.is_file() and self.newest.read_text(encoding="ascii") != str(os.getpid()))

    def end_if_over(self) -> None:
        """End this process if nobody waits for this start any more."""
        if self.is_over():
            interruption.end(signal.SIGTERM, "Its `dvc` has ended, so this stage ends too")

    def watch(self) -> None:
        """Call `end_if_over` again and again, for ever. A look that fails (no file can be opened) is no answer."""
        while True:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            with suppress(OSError, psutil.AccessDenied):
                self.end_if_over()


def begin_dvc_start(scratch: Path) -> DvcStart | None:
    """Announce this start and watch over it from now on, if DVC made it; None if it was made by hand."""
    name = os.environ.get("DVC_STAGE")
    if not name:
        return None
    newest = scratch / "starts" / re.sub(r"[^\w.@-]", "_", name)
    write_text(newest, str(os.getpid()))
    start = DvcStart(starter_of(name), newest)
    threading.Thread(target=start.watch, daemon=True).start()
    return start


def starter_of(stage: str) -> psutil.Process | None:
    """The process that started the command of a stage: the nearest ancestor that does not run on behalf of it."""
    for ancestor in psutil.Process().parents():
        try:
            if ancestor.environ().get("DVC_STAGE") != stage:
                return ancestor
        except psutil.AccessDenied:  # Another user's process; DVC does not change the user.
            return ancestor
        except psutil.NoSuchProcess:
            continue
    return None
