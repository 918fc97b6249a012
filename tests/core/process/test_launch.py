"""A command as several ranks: what they are told, how they fail, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipeline.core.errors import UserError
from pipeline.core.process import launch
from pipeline.core.process.launch import OTHER_ENDED

PROGRAM = """
import os, sys, time
from pathlib import Path
from pipeline.core.process.launch import launch
launch(int(sys.argv[2]))
rank, folder = os.environ.get("RANK", "none"), Path(sys.argv[1])
(folder / f"{rank}.txt").write_text(" ".join([str(os.getpid()), *(os.environ.get(n, "none") for n in NAMES)]))
print("rank", rank, "speaks", flush=True)
"""
NAMES = ("WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, root: Path) -> Start:
    """Starts a program that launches itself for so many GPUs, and then does `work`."""

    def begin(gpus: int, work: str = "", **environment: str) -> subprocess.Popen[str]:
        (tmp_path / "program.py").write_text(f"NAMES = {NAMES}\n{PROGRAM}\n{work}\n")
        inherited = {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE")}
        return subprocess.Popen(
            [sys.executable, tmp_path / "program.py", tmp_path, str(gpus)],
            env={**inherited, "PYTHONPATH": str(root / "src"), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


def ranks(folder: Path) -> dict[str, list[str]]:
    """What each rank wrote down."""
    return {path.stem: path.read_text().split() for path in folder.glob("*.txt")}


def test_every_rank_gets_what_torchrun_would_give_it_and_rank_0_speaks(start: Start, tmp_path: Path) -> None:
    process = start(3)
    assert process.communicate(timeout=60) == ("rank 0 speaks\n", "") and process.returncode == 0
    found = ranks(tmp_path)
    assert sorted(found) == ["0", "1", "2"] and len({tuple(values[3:]) for values in found.values()}) == 1
    assert all(values[1:3] == ["3", rank] for rank, values in found.items())


@pytest.mark.parametrize(
    ("gpus", "environment"),
    [(0, {}), (1, {}), (4, {"FINEALIGN_PROCESSES": "1"}), (4, {"RANK": "0", "WORLD_SIZE": "1"})],
)
def test_one_process_is_left_alone(start: Start, tmp_path: Path, gpus: int, environment: dict[str, str]) -> None:
    process = start(gpus, **environment)
    assert process.wait(60) == 0 and len(ranks(tmp_path)) == 1
    assert int(next(iter(ranks(tmp_path).values()))[0]) == process.pid


def test_the_number_may_be_set(start: Start, tmp_path: Path) -> None:
    assert start(0, FINEALIGN_PROCESSES="2").wait(60) == 0 and len(ranks(tmp_path)) == 2


def test_a_rank_that_fails_ends_the_others_and_is_heard(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = f"""
if rank == "1":
    sys.exit("the disk is full")
if rank == "2":
    sys.exit({OTHER_ENDED!r})
time.sleep(3 if rank == "0" else 600)
"""
    _, said = (process := start(4, work)).communicate(timeout=60)
    assert process.returncode == 1 and said == "rank 1: the disk is full\n"
    assert not any(psutil.pid_exists(int(values[0])) for values in ranks(tmp_path).values())


def test_what_all_ranks_say_is_shown_once_beside_rank_0(start: Start) -> None:
    _, said = (process := start(4, "sys.exit('no data')")).communicate(timeout=60)
    assert process.returncode == 1 and sorted(said.splitlines())[0] == "no data" and said.count("no data") == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_ranks(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    process = start(
        2,
        f"import signal; signal.signal({int(number)}, lambda *_: os._exit(7)); print('', flush=True)\ntime.sleep(600)",
    )
    wait_for(lambda: len(ranks(tmp_path)) == 2)
    time.sleep(0.5)
    process.send_signal(number)
    assert process.wait(60) == 7


@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl")
def test_ranks_end_with_the_launcher(start: Start, tmp_path: Path) -> None:
    process = start(2, "time.sleep(600)")
    wait_for(lambda: len([values for values in ranks(tmp_path).values() if values]) == 2)
    process.kill()
    wait_for(lambda: not any(alive(int(values[0])) for values in ranks(tmp_path).values()))


def test_a_number_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_PROCESSES", "two")
    with pytest.raises(UserError, match="FINEALIGN_PROCESSES"):
        launch.launch(1)


def alive(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
