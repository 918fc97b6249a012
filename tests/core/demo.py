"""A small stage in a folder of its own, and how to start it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

STAGE = '''"""Writes pairs.

Reads   nothing
Writes  data/pairs/
"""
import os
import sys
import time
sys.path.insert(0, {source!r})
from pipeline.core.errors import UserError
from pipeline.core.progress import progress
from pipeline.core.settings import Params
from pipeline.core.stage import Paths, stage

class DemoParams(Params):
    text: str
    until: str | None = None
    fail: bool = False

@stage(writes=["pairs"])
def main(params: DemoParams, paths: Paths) -> dict:
    paths.pairs.mkdir(parents=True)
    with progress("demo", 2) as tell:
        (paths.pairs / "a.txt").write_text(params.text)
        tell(1)
        (paths.pairs / "begun").touch()
        while params.until and not os.path.exists(params.until):
            time.sleep(0.02)
        if params.fail:
            raise UserError("It failed.", where="here", fix="do better")
        tell(2)
    return {{"length": len(params.text)}}

if __name__ == "__main__":
    main()
'''
BEGUN = ".finealign/staging/demo/data/pairs/begun"


def make_project(folder: Path, root: Path) -> Path:
    """A folder with the stage `demo`, whose code is that of the repository at `root`."""
    (folder / "stages").mkdir()
    (folder / "stages" / "demo.py").write_text(STAGE.format(source=str(root / "src")))
    return folder


def set_params(project: Path, text: str) -> None:
    """Write the parameter file; `text` are the keys of the stage's section."""
    links = "datasets: data/raw/a, encoders: data/raw/b"
    inputs = f"inputs: {{{links}, triplets: data/triplets, pretrained: models/pretrained}}"
    (project / "params.yaml").write_text(f"{inputs}\ndemo: {{{text}}}\n")


def start(
    project: Path, text: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start the stage with these parameters."""
    set_params(project, text)
    return subprocess.Popen(
        [sys.executable, "stages/demo.py", *arguments],
        cwd=project,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )


def run(
    project: Path, text: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Run the stage; returns exit code, stdout and stderr."""
    process = start(project, text, *arguments, environment=environment)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Return as soon as the condition holds; fail if it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
