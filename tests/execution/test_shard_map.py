from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.execution.steps import Hoarse, Shout

from pipeline.core.errors import UserError
from pipeline.execution.scratch import own_bytes, trim
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    folder = tmp_path / "counter"
    folder.mkdir()
    return folder


def shards(tmp_path: Path, *texts: str) -> list[Shard]:
    (tmp_path / "in").mkdir(exist_ok=True)
    result = []
    for number, text in enumerate(texts):
        path = tmp_path / "in" / f"{number}.txt"
        path.write_text(text)
        result.append(Shard(str(number), (path,)))
    return result


def run(tmp_path: Path, step: Shout, work: list[Shard], out: str = "out") -> dict[str, str]:
    into = {name: tmp_path / out / name for name in ("loud", "louder")}
    map_shards(step, work, into, tmp_path / "scratch")
    return {path.name: path.read_text() for path in sorted((tmp_path / out / "loud").iterdir())}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_output_does_not_depend_on_workers(
    tmp_path: Path, counter: Path, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", workers)
    assert run(tmp_path, Shout(counter), shards(tmp_path, "a", "flaky", "c")) == {
        "0.txt": "A!",
        "1.txt": "FLAKY!",
        "2.txt": "C!",
    }


def test_only_what_changed_is_computed_again(tmp_path: Path, counter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")
    run(tmp_path, Shout(counter), shards(tmp_path, "a", "b"))
    assert run(tmp_path, Shout(counter), shards(tmp_path, "a", "B", "c"), out="again") == {
        "0.txt": "A!",
        "1.txt": "B!",
        "2.txt": "C!",
    }
    assert sorted(path.name for path in counter.iterdir()) == ["0.1", "1.1", "1.2", "2.1"]
    run(tmp_path, Shout(counter, suffix="?"), shards(tmp_path, "a"), out="third")
    assert (counter / "0.2").exists()


def test_a_dead_worker_is_replaced(tmp_path: Path, counter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "2")
    assert len(run(tmp_path, Shout(counter), shards(tmp_path, "fatal", "b", "c"))) == 3


def test_errors_name_the_shard(tmp_path: Path, counter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")
    with pytest.raises(UserError, match="The input is wrong"):
        run(tmp_path, Shout(counter), shards(tmp_path, "wrong"))
    with pytest.raises(UserError, match=r"failed 3 times[\s\S]*a bug"):
        run(tmp_path, Shout(counter), shards(tmp_path, "broken"))
    with pytest.raises(UserError, match="nothing to work on"):
        run(tmp_path, Shout(counter), [])
    work = shards(tmp_path, "a")
    with pytest.raises(UserError, match="share one name"):
        run(tmp_path, Shout(counter), work * 2)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_step_that_cannot_be_set_up_says_why_once(
    tmp_path: Path,
    counter: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    workers: str,
) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", workers)
    with pytest.raises(UserError, match="There is no voice"):
        run(tmp_path, Hoarse(counter), shards(tmp_path, "a", "b"))
    assert "Traceback" not in capfd.readouterr().err


def test_killed_and_resumed(tmp_path: Path, counter: Path, root: Path) -> None:
    work = shards(tmp_path, *"abcdef")
    script = (
        "from pathlib import Path; from tests.execution.steps import Shout;"
        "from pipeline.execution.step import Shard; from pipeline.execution.shard_map import map_shards;"
        f"base = Path({str(tmp_path)!r});"
        "work = [Shard(str(i), (base / 'in' / f'{i}.txt',)) for i in range(6)];"
        "map_shards(Shout(base / 'counter', seconds=0.3), work, {'loud': base / 'out' / 'loud'}, base / 'scratch')"
    )
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}", "FINEALIGN_WORKERS": "2"}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, cwd=root)
    deadline = time.monotonic() + 30
    while len(list(counter.iterdir())) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    step = Shout(counter, seconds=0.3)
    done = {path.name for path in (tmp_path / "scratch/steps/shout").iterdir() if not path.name.startswith(".")}
    before = len(list(counter.iterdir()))
    assert run(tmp_path, step, work) == {f"{i}.txt": "ABCDEF"[i] + "!" for i in range(6)}
    assert len(list(counter.iterdir())) <= before + 6 - len(done)


def test_trim_drops_what_was_used_longest_ago_and_costs_disk(tmp_path: Path) -> None:
    entries = []
    for age, name in enumerate(("new", "middle", "old")):
        entry = tmp_path / "scratch" / "steps" / "s" / name
        entry.mkdir(parents=True)
        (entry / "f").write_bytes(b"x" * 100)
        os.utime(entry, (1000 - age, 1000 - age))
        entries.append(entry)
    os.link(entries[1] / "f", tmp_path / "linked")
    assert [own_bytes(entry) for entry in entries] == [100, 0, 100]
    trim(tmp_path / "scratch", 100)
    assert [entry.exists() for entry in entries] == [True, True, False]
    trim(tmp_path / "scratch", 0, keep=[entries[0]])
    assert entries[0].exists()
