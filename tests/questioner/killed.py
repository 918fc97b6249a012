"""Trainings in processes of their own, which kill themselves before an update."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.training import loop


def die_before(death: int | None, training: str = "") -> None:
    """Let this process kill itself before update `death` of a training (any, if no name is given)."""
    update = loop.Run.update

    def mortal(self: loop.Run, micros: Sequence[Any]) -> dict[str, float]:
        if self.step == death and training in ("", self.name):
            os.kill(os.getpid(), signal.SIGKILL)
        return update(self, micros)

    loop.Run.update = mortal
    loop.SECONDS_BETWEEN_CHECKPOINTS = 0.0


def in_process(root: Path, call: str, killed: bool, *before: str, **variables: str) -> str:
    """Call `module.function(arguments)` in a process of its own, after the words `before`; returns what it said."""
    module = call.partition("(")[0].rpartition(".")[0]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}", **variables}
    command = [*before, sys.executable, "-c", f"import {module}\n{call}"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == (-signal.SIGKILL if killed else 0), done.stderr
    return done.stdout


def contents(*folders: Path) -> dict[Path, bytes]:
    """All files below folders, by their path inside their folder's parent."""
    files = ((path, folder) for folder in folders for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder.parent): path.read_bytes() for path, folder in files}
