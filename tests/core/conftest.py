"""A small stage that tests start."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.core.demo import BEGUN, make_project, start, wait_for


@pytest.fixture(autouse=True, scope="session")
def _signals_reach_stages() -> Iterator[None]:
    """Under `nohup` a signal is ignored, and processes that are started inherit that; a handler they do not."""
    ignored = [number for number in (signal.SIGHUP, signal.SIGINT) if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    return make_project(tmp_path, root)


@pytest.fixture
def first(project: Path) -> Iterator[subprocess.Popen[str]]:
    """A start by hand that has begun to write and goes on until there is a file `go`."""
    process = start(project, "text: first, until: go")
    wait_for((project / BEGUN).exists)
    yield process
    process.kill()
    process.communicate()
