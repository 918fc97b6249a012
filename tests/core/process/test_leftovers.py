"""What killed processes left behind is swept; what belongs to a living one stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.core.demo import run

from pipeline.core.files import temporary_path
from pipeline.core.process.leftovers import sweep


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_what_a_dead_process_made_goes(tmp_path: Path, dead: int) -> None:
    gone = [tmp_path / f".a.{dead}.tmp", tmp_path / "steps/x" / f".b.{dead}.tmp" / "inside" / "file"]
    kept = [temporary_path(tmp_path / "c"), tmp_path / f"d.{dead}.tmp", tmp_path / ".hidden", tmp_path / "steps/x/e"]
    for path in (*gone, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    sweep(tmp_path)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(kept)
    assert not list(tmp_path.rglob(f".b.{dead}.tmp"))


def test_a_process_with_the_number_of_a_dead_one_is_another(tmp_path: Path) -> None:
    path = temporary_path(tmp_path / "a")
    path.touch()
    os.utime(path, (0, 0))
    sweep(tmp_path)
    assert not path.exists()


def test_nothing_to_sweep(tmp_path: Path) -> None:
    sweep(tmp_path / "absent")


def test_the_next_start_sweeps(project: Path, first: subprocess.Popen[str], dead: int) -> None:
    left = project / ".finealign/training/align/0123" / f".checkpoint.pt.{dead}.tmp"
    left.parent.mkdir(parents=True)
    left.touch()
    first.send_signal(signal.SIGKILL)
    first.wait(60)
    assert (project / ".finealign/staging/demo").is_dir()
    assert run(project, "text: second")[0] == 0
    assert not left.exists() and left.parent.is_dir()
    assert list((project / ".finealign/staging").iterdir()) == []
