"""Workers: what a dead one costs, how they end, and what they need of the machine."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.execution.conftest import Start, is_alive, wait_for, workers_of
from tests.execution.steps import Hoarse, Mute, Shout, Starved

from pipeline.core.errors import UserError
from pipeline.execution.job import Job, Unexpected
from pipeline.execution.local import run_local
from pipeline.execution.step import Shard

Shards = Callable[..., list[Shard]]


def outcomes(step: Shout, shards: list[Shard], workers: int) -> dict[str, UserError | None]:
    """What went wrong with every shard, by its name."""
    jobs = [Job(shard, step.counter.parent / "done" / shard.name) for shard in shards]
    return {job.shard.name: error for job, error in run_local(step, jobs, workers)}


def test_a_worker_that_is_killed_costs_its_own_shard_and_is_replaced(counter: Path, shards: Shards) -> None:
    result = outcomes(Shout(counter), shards("killed", "killed", *"abcde"), workers=2)
    assert {name for name, error in result.items() if error} == {"0", "1"}
    assert sorted(path.name for path in counter.iterdir()) == [f"{number}.1" for number in range(7)]
    assert sorted(path.name for path in (counter.parent / "done").iterdir()) == list("23456")
    error = result["0"]
    assert isinstance(error, Unexpected) and "(Killed)" in str(error) and "memory" in str(error)
    assert "FINEALIGN_WORKERS" in error.fix
    assert error.where == f"{counter.parent}/in/0.txt: killed"


@pytest.mark.parametrize("workers", [1, 2])
def test_want_of_memory_is_said(counter: Path, shards: Shards, workers: int) -> None:
    for step, texts in ((Shout(counter), ("hungry", "a")), (Starved(counter), ("a", "b"))):
        error = outcomes(step, shards(*texts), workers)["0"]
        assert "not enough memory" in str(error) and "FINEALIGN_WORKERS" in str(error)
        assert "hungry" in str(error) or "the set-up of the step 'shout'" in str(error)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_limit_on_memory_is_met_with_a_message(start: Start, shards: Shards, workers: int) -> None:
    shards("a", "greedy", "c")
    process = start("ulimit -v 4000000", workers)
    _, shown = process.communicate(timeout=120)
    assert process.returncode == 1 and "Traceback" not in shown
    assert "not enough memory" in shown and "1.txt: greedy" in shown and "FINEALIGN_WORKERS" in shown


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_names_file_and_sample(counter: Path, shards: Shards, workers: int) -> None:
    work = shards("wrong", "broken")
    result = outcomes(Shout(counter), work, workers)
    assert str(result["0"]) == f"The input is wrong.\n  at:       {work[0].files[0]}: wrong"
    assert f"ValueError: a bug\n  where:    {work[1].files[0]}: broken" in str(result["1"])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_that_cannot_be_set_up_says_why(
    counter: Path, shards: Shards, workers: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "There is no voice" in str(outcomes(Hoarse(counter), shards("a", "b"), workers)["1"])
    assert "ValueError: a bug" in str(outcomes(Mute(counter), shards("a", "b"), workers)["1"])
    assert "Traceback" not in capfd.readouterr().err


def test_a_shard_that_another_process_finished_is_no_error(counter: Path, shards: Shards) -> None:
    (shard,) = shards("a")
    done = counter.parent / "done"
    (done / "0").mkdir(parents=True)
    (done / "0" / "theirs").touch()
    assert outcomes(Shout(counter), [shard], workers=1) == {"0": None}
    assert [path.name for path in done.rglob("*")] == ["0", "theirs"]


def test_workers_are_killed_when_nobody_asks_on(counter: Path, shards: Shards, tmp_path: Path) -> None:
    jobs = [Job(shard, tmp_path / "done" / shard.name) for shard in shards("a", "slow", "b")]
    running = run_local(Shout(counter), jobs, 2)
    assert next(running)[0].shard.name == "0"
    wait_for(lambda: len(workers_of(counter)) >= 2)
    running.close()
    assert not any(map(is_alive, workers_of(counter)))
    assert not list((tmp_path / "done").glob(".*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent(start: Start, counter: Path, shards: Shards, number: signal.Signals) -> None:
    shards("slow", "slow")
    process = start()
    wait_for(lambda: len(workers_of(counter)) == 2)
    process.send_signal(number)
    process.wait(timeout=60)
    wait_for(lambda: not any(map(is_alive, workers_of(counter))))


def test_ctrl_c_while_workers_start_is_the_parents_alone(start: Start, shards: Shards) -> None:
    shards(*"abcd")
    process = start()
    wait_for(lambda: len(children(process.pid)) >= 2)
    os.killpg(process.pid, signal.SIGINT)
    _, shown = process.communicate(timeout=60)
    assert shown.count("Traceback") <= 1, shown


def children(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


@pytest.mark.parametrize("limit", [20, 70, 80])
@pytest.mark.parametrize("workers", [1, 2])
def test_few_open_files_are_enough_or_said(start: Start, shards: Shards, limit: int, workers: int) -> None:
    shards(*"abcd")
    process = start(f"ulimit -n {limit}", workers)
    _, shown = process.communicate(timeout=120)
    if workers == 1 or limit == 80:
        assert (process.returncode, shown) == (0, "")
    else:
        assert shown.startswith("Too few files may be open at once") and "ulimit" in shown


@pytest.mark.skipif(not shutil.which("unshare") or os.geteuid() != 0, reason="needs a mount namespace")
@pytest.mark.parametrize("options", ["ro", "size=4k,nr_inodes=1"])
def test_no_shared_memory_is_needed(start: Start, shards: Shards, tmp_path: Path, options: str, root: Path) -> None:
    shards(*"abcd")
    inside = f'mount -t tmpfs -o {options} none /dev/shm; exec "$@"'
    process = start(f"exec unshare --mount sh -c '{inside}' sh \"$@\"")
    _, shown = process.communicate(timeout=120)
    assert (process.returncode, shown) == (0, "")
