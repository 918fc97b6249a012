"""The map over shards: what is computed, what is tried again, and what a failure says."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.execution.conftest import Start, wait_for
from tests.execution.steps import Hoarse, Shout

from pipeline.core.errors import UserError
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard

Shards = Callable[..., list[Shard]]


@pytest.fixture(params=["1", "2"])
def workers(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """In this process, and on workers."""
    monkeypatch.setenv("FINEALIGN_WORKERS", request.param)
    return request.param


def run(tmp_path: Path, step: Shout, work: list[Shard], out: str = "out", scratch: str = "scratch") -> dict[str, str]:
    into = {name: tmp_path / out / name for name in ("loud", "louder")}
    map_shards(step, work, into, tmp_path / scratch)
    return {path.name: path.read_text() for path in sorted((tmp_path / out / "loud").iterdir())}


@pytest.mark.usefixtures("workers")
def test_output_does_not_depend_on_workers_and_failures(tmp_path: Path, counter: Path, shards: Shards) -> None:
    assert run(tmp_path, Shout(counter), shards("a", "flaky", "c")) == {"0.txt": "A!", "1.txt": "FLAKY!", "2.txt": "C!"}


def test_only_what_changed_is_computed_again(
    tmp_path: Path, counter: Path, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")
    run(tmp_path, Shout(counter), shards("a", "b"))
    right = {"0.txt": "A!", "1.txt": "B!", "2.txt": "C!"}
    assert run(tmp_path, Shout(counter), shards("a", "B", "c"), out="again") == right
    assert sorted(path.name for path in counter.iterdir()) == ["0.1", "1.1", "1.2", "2.1"]
    run(tmp_path, Shout(counter, suffix="?"), shards("a"), out="third")
    assert (counter / "0.2").exists()


def test_a_shard_whose_worker_died_is_tried_again(
    tmp_path: Path, counter: Path, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "2")
    assert len(run(tmp_path, Shout(counter), shards("fatal", "b", "c"))) == 3
    assert sorted(path.name for path in counter.iterdir()) == ["0.1", "0.2", "1.1", "2.1"]


def test_a_shard_whose_worker_always_dies_is_named(
    tmp_path: Path, counter: Path, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "2")
    work = shards("killed", *"bcd")
    with pytest.raises(UserError) as caught:
        run(tmp_path, Shout(counter), work)
    said = str(caught.value)
    assert "failed 3 times on the shard 0" in said and f"where:    {work[0].files[0]}: killed\n" in said
    assert "(Killed)" in said and "want of memory" in said and "FINEALIGN_WORKERS=1" in said
    assert sorted(path.name for path in counter.iterdir()) == ["0.1", "0.2", "0.3", "1.1", "2.1", "3.1"]


@pytest.mark.usefixtures("workers")
def test_errors_name_file_sample_and_way_out(tmp_path: Path, counter: Path, shards: Shards) -> None:
    with pytest.raises(UserError, match=r"The input is wrong[\s\S]*0\.txt: wrong"):
        run(tmp_path, Shout(counter), shards("wrong", "b"))
    with pytest.raises(UserError, match=r"failed 3 times[\s\S]*0\.txt: broken[\s\S]*a bug") as caught:
        run(tmp_path, Shout(counter), shards("broken", "b"))
    log = tmp_path / "scratch" / "errors" / "shout-0.txt"
    assert str(log) in caught.value.fix and "ValueError: a bug\n" in log.read_text()


def test_wrong_shards_are_refused(tmp_path: Path, counter: Path, shards: Shards) -> None:
    with pytest.raises(UserError, match="nothing to work on"):
        run(tmp_path, Shout(counter), [])
    with pytest.raises(UserError, match="share one name"):
        run(tmp_path, Shout(counter), shards("a") * 2)


def test_an_input_that_is_no_file_is_named(tmp_path: Path, counter: Path, shards: Shards) -> None:
    work = shards("a", "b")
    work[1].files[0].unlink()
    with pytest.raises(UserError, match=r"input of a shard is missing[\s\S]*1\.txt[\s\S]*nothing"):
        run(tmp_path, Shout(counter), work)
    work[1].files[0].mkdir()
    with pytest.raises(UserError, match=r"1\.txt[\s\S]*a folder"):
        run(tmp_path, Shout(counter), work)


@pytest.mark.usefixtures("workers")
def test_a_step_that_cannot_be_set_up_says_why_once(
    tmp_path: Path, counter: Path, shards: Shards, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="There is no voice"):
        run(tmp_path, Hoarse(counter), shards("a", "b"))
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.usefixtures("workers")
def test_a_full_disk_is_said_and_leaves_nothing_half_written(small_disk: Path, counter: Path, shards: Shards) -> None:
    with pytest.raises(UserError, match="The disk is full"):
        run(small_disk, Shout(counter), shards("a", "large", "c"), scratch=".")
    assert not list(small_disk.rglob("*.tmp"))
    assert not list(small_disk.rglob("large"))


def test_a_traceback_that_cannot_be_kept_hides_no_failure(tmp_path: Path, counter: Path, shards: Shards) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "errors").write_text("a file")
    with pytest.raises(UserError, match=r"failed 3 times[\s\S]*a bug") as caught:
        run(tmp_path, Shout(counter), shards("broken"))
    assert "errors" in caught.value.fix


def test_killed_and_resumed(tmp_path: Path, counter: Path, shards: Shards, start: Start) -> None:
    work = shards(*"ab", "slow", "slow", *"cd")
    process = start()
    wait_for(lambda: len(list(counter.iterdir())) == 4)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for name in "23":
        (tmp_path / "in" / f"{name}.txt").write_text(name)
    right = {f"{name}.txt": f"{text}!" for name, text in zip("012345", "AB23CD", strict=True)}
    assert run(tmp_path, Shout(counter), work) == right
    assert sorted(path.name for path in counter.glob("[01].*")) == ["0.1", "1.1"]
