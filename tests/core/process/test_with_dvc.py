"""Kills and interruptions of a stage that the real DVC runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.core.demo import BEGUN, set_params, start, wait_for

PIPELINE = """
stages:
  demo:
    cmd: python stages/demo.py
    params: [demo]
    outs: [data/pairs]
    metrics:
      - results/demo/metrics.json: {cache: false}
"""
DVC = Path(sys.executable).with_name("dvc")
OUTPUT = "data/pairs/a.txt"


@pytest.fixture
def repository(project: Path) -> Path:
    """The stage `demo` as a DVC pipeline."""
    for command in (["git", "init", "--quiet"], [str(DVC), "init", "--quiet"]):
        subprocess.run(command, cwd=project, check=True)
    (project / "dvc.yaml").write_text(PIPELINE)
    return project


def repro(repository: Path, text: str) -> subprocess.Popen[str]:
    """Start `dvc repro` in a process group of its own."""
    set_params(repository, text)
    path = f"{DVC.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        [str(DVC), "repro"],
        cwd=repository,
        env={**os.environ, "PATH": path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def running(repository: Path) -> list[int]:
    """Stages that run in the repository."""
    found = []
    for process in psutil.process_iter():
        try:
            if "stages/demo.py" in process.cmdline() and Path(process.cwd()) == repository:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_orphans_of_a_dvc_that_was_killed_twice_do_no_harm(repository: Path) -> None:
    for _ in range(2):
        dvc = repro(repository, "text: old, until: never")
        wait_for((repository / BEGUN).exists)
        dvc.kill()
        dvc.wait()
        (repository / BEGUN).unlink(missing_ok=True)
    last = repro(repository, "text: new")
    out, _ = last.communicate(timeout=60)
    assert last.returncode == 0, out
    assert (repository / OUTPUT).read_text() == "new"
    wait_for(lambda: not running(repository))
    assert (repository / OUTPUT).read_text() == "new"
    disturbed = (repository / "dvc.lock").read_bytes()
    for file in ("dvc.lock", OUTPUT):
        (repository / file).unlink()
    shutil.rmtree(repository / ".dvc" / "cache")
    undisturbed = repro(repository, "text: new")
    out, _ = undisturbed.communicate(timeout=60)
    assert undisturbed.returncode == 0 and "Running stage" in out
    assert (repository / "dvc.lock").read_bytes() == disturbed


def test_a_stage_by_hand_beside_dvc_disturbs_neither(repository: Path) -> None:
    dvc = repro(repository, "text: x, until: go")
    wait_for((repository / BEGUN).exists)
    by_hand = [start(repository, "text: x, until: go") for _ in range(3)]
    (repository / "go").touch()
    out, _ = dvc.communicate(timeout=60)
    assert dvc.returncode == 0, out
    for process in by_hand:
        process.communicate(timeout=60)
        assert process.returncode == 0
    status = subprocess.run([str(DVC), "status"], cwd=repository, capture_output=True, text=True, check=True)
    assert "up to date" in status.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_ends_dvc_and_stage(repository: Path, number: signal.Signals) -> None:
    dvc = repro(repository, "text: x, until: never")
    wait_for((repository / BEGUN).exists)
    os.killpg(dvc.pid, number)
    out, _ = dvc.communicate(timeout=60)
    assert out.count("goes on from there.\n") == 1 and "Traceback" not in out
    assert dvc.returncode != 0
    wait_for(lambda: not running(repository))
