"""A small stage that tests start."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.core.demo import BEGUN, make_project, start, wait_for


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
