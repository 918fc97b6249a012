"""A stage that DVC started ends when its DVC does; one that was started by hand does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.core.demo import BEGUN, run, set_params, start, wait_for

from pipeline.core.process.dvc_start import DvcStart

BY_DVC = {"DVC_STAGE": "demo"}
STARTER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], env={**os.environ, "DVC_STAGE": "demo"})
print(process.pid, flush=True)
process.wait()
"""
"""Starts a command as DVC does, says its process id, and waits."""


@pytest.fixture
def starter(project: Path) -> Iterator[subprocess.Popen[str]]:
    """A stand-in for `dvc` whose stage has begun to write, and would go on until there is a file `go`."""
    set_params(project, "text: first, until: go")
    process = start_by_dvc(project)
    wait_for((project / BEGUN).exists)
    yield process
    process.kill()
    process.communicate()


def start_by_dvc(project: Path, *shell: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", STARTER, *shell, sys.executable, "stages/demo.py"]
    return subprocess.Popen(command, cwd=project, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def stage_of(starter: subprocess.Popen[str]) -> psutil.Process:
    assert starter.stdout
    return psutil.Process(int(starter.stdout.readline()))


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_stage_ends_when_only_its_dvc_is_killed(project: Path, starter: subprocess.Popen[str]) -> None:
    stage = stage_of(starter)
    starter.kill()
    wait_for(lambda: has_ended(stage))
    assert not (project / "data/pairs").exists()


def test_a_stage_that_waits_ends_when_only_its_dvc_is_killed(project: Path, first: subprocess.Popen[str]) -> None:
    waiting = start_by_dvc(project)
    stage = stage_of(waiting)
    assert waiting.stdout and waiting.stdout.readline().startswith(f"Waiting for process {first.pid}")
    waiting.kill()
    wait_for(lambda: has_ended(stage))
    assert first.poll() is None


def test_the_shell_between_dvc_and_the_stage_is_not_taken_for_dvc(project: Path) -> None:
    set_params(project, "text: first, until: go")
    starter = start_by_dvc(project, "sh", "-c", '"$0" "$@"; true')
    shell = stage_of(starter)
    wait_for((project / BEGUN).exists)
    (stage,) = shell.children()
    starter.kill()
    wait_for(lambda: has_ended(stage))
    starter.communicate()


def test_an_older_start_by_dvc_ends_when_a_newer_one_is_announced(project: Path) -> None:
    older = start(project, "text: older, until: never", environment=BY_DVC)
    wait_for((project / BEGUN).exists)
    code, _, _ = run(project, "text: newer", environment=BY_DVC)
    assert code == 0 and (project / "data/pairs/a.txt").read_text() == "newer"
    _, err = older.communicate(timeout=60)
    assert older.returncode == 128 + signal.SIGTERM
    assert err == "Its `dvc` has ended, so this stage ends too at demo 1/2. " + (
        "What is finished is kept; the same command goes on from there.\n"
    )


def test_starts_of_two_stages_that_share_a_lock_do_not_end_each_other(
    project: Path, first: subprocess.Popen[str]
) -> None:
    one, two = (start(project, "text: x", environment={"DVC_STAGE": f"study@{n}"}) for n in (1, 2))
    (project / "go").touch()
    for process in (one, two):
        process.communicate(timeout=60)
    assert one.returncode == two.returncode == first.wait(60) == 0


def test_a_stage_by_hand_outlives_its_shell(project: Path) -> None:
    set_params(project, "text: by hand, until: go")
    environment = {key: value for key, value in os.environ.items() if key != "DVC_STAGE"}
    shell = subprocess.Popen(["sh", "-c", f"{sys.executable} stages/demo.py & wait"], cwd=project, env=environment)
    wait_for((project / BEGUN).exists)
    shell.kill()
    shell.wait()
    (project / "go").touch()
    wait_for((project / "results/demo/metrics.json").exists)
    assert (project / "data/pairs/a.txt").read_text() == "by hand"


def test_a_look_that_fails_is_followed_by_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answers = iter([OSError(24, "Too many open files"), psutil.AccessDenied(), SystemExit()])

    def answer(_: DvcStart) -> None:
        raise next(answers)

    monkeypatch.setattr(DvcStart, "end_if_over", answer)
    with pytest.raises(SystemExit):
        DvcStart(None, tmp_path / "newest").watch()
