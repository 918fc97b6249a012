"""Signals end a stage at once, with one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.core.demo import BEGUN, start, wait_for

from pipeline.execution.closure import SOURCE

ROOT = SOURCE.parent
COMMANDS = [path for folder in ("stages", "studies") for path in sorted((ROOT / folder).glob("*.py"))]
KEPT = "What is finished is kept; the same command goes on from there.\n"
SECONDS = 5
"""A stage ends within so many."""


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGINT, "Interrupted"),
        (signal.SIGTERM, "Terminated"),
        (signal.SIGHUP, "Terminated, since its terminal was closed"),
    ],
)
def test_a_signal_ends_a_stage_with_one_line(first: subprocess.Popen[str], number: signal.Signals, reason: str) -> None:
    first.send_signal(number)
    out, err = first.communicate(timeout=SECONDS)
    assert first.returncode == 128 + number
    assert out + err == f"{reason} at demo 1/2. {KEPT}"


def test_many_signals_are_as_one(first: subprocess.Popen[str]) -> None:
    for _ in range(20):
        first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=SECONDS)
    assert first.returncode == 130 and err == f"Interrupted at demo 1/2. {KEPT}"


@pytest.mark.usefixtures("first")
def test_a_stage_that_waits_ends_too(project: Path) -> None:
    second = start(project, "text: second")
    assert second.stdout and second.stdout.readline().startswith("Waiting")
    second.send_signal(signal.SIGINT)
    _, err = second.communicate(timeout=SECONDS)
    assert second.returncode == 130 and err == f"Interrupted. {KEPT}"


def test_only_process_0_speaks(project: Path) -> None:
    ranks = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
    process = start(project, "text: x, until: never", environment=ranks)
    staging = project / ".finealign/staging" / f".demo.{process.pid}.tmp"
    wait_for((staging / "data/pairs/begun").exists)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=SECONDS) == ("", "")
    assert process.returncode == 143


def test_a_signal_that_is_ignored_stays_ignored(project: Path) -> None:
    (project / "nohup.sh").write_text(f"trap '' HUP\nexec {sys.executable} stages/demo.py\n")
    start(project, "text: x, until: go").kill()
    process = subprocess.Popen(["sh", "nohup.sh"], cwd=project, stdout=subprocess.DEVNULL)
    wait_for((project / BEGUN).exists)
    process.send_signal(signal.SIGHUP)
    (project / "go").touch()
    assert process.wait(60) == 0


LONG_OPERATION = """
import hashlib
from pipeline.core.process.interruption import end_on_signals
end_on_signals()
print("begun", flush=True)
hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
"""
WITH_WORKERS = """
import multiprocessing, time
from pipeline.core.process.interruption import end_on_signals
if __name__ == "__main__":
    end_on_signals()
    worker = multiprocessing.get_context("forkserver").Process(target=time.sleep, args=(600,))
    worker.start()
    print(worker.pid, flush=True)
    worker.join()
"""


def run_program(text: str, file: Path, temporary: str = "/tmp") -> tuple[subprocess.Popen[str], str]:
    """Start a program; returns it and the first line that it prints. `temporary`: where temporary folders go."""
    file.write_text(text)
    process = subprocess.Popen(
        [sys.executable, str(file)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "TMPDIR": temporary},
    )
    assert process.stdout
    return process, process.stdout.readline()


def test_a_long_operation_of_a_library_is_no_obstacle(tmp_path: Path) -> None:
    process, _ = run_program(LONG_OPERATION, tmp_path / "program.py")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130 and err == f"Interrupted. {KEPT}"


def test_workers_end_too_and_leave_nothing(tmp_path: Path) -> None:
    with TemporaryDirectory() as temporary:  # A socket's path must be short.
        process, worker = run_program(WITH_WORKERS, tmp_path / "program.py", temporary)
        assert list(Path(temporary).iterdir())
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=SECONDS)[1] == f"Interrupted. {KEPT}"
        wait_for(lambda: not Path(f"/proc/{worker.strip()}").exists(), SECONDS)
        assert not list(Path(temporary).iterdir())


@pytest.mark.parametrize("file", COMMANDS, ids=lambda path: path.stem)
def test_a_signal_during_the_first_imports_shows_no_traceback(file: Path, tmp_path: Path) -> None:
    (tmp_path / "pydantic.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(600)\n")
    process = subprocess.Popen(
        [sys.executable, str(file)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert process.stdout and process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130 and err == f"Interrupted. {KEPT}"
