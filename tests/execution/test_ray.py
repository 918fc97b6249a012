"""The Ray engine, on a cluster of two nodes on this machine: same bytes, lost workers, lost nodes, a lost driver."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.execution.cluster import raylet, two_nodes
from tests.execution.conftest import Start, is_alive, wait_for
from tests.execution.steps import Hoarse, Shout

from pipeline.core.errors import UserError
from pipeline.execution.engine import chosen_engine
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard, library_versions
from pipeline.execution.worker import prepared

pytest.importorskip("ray")

Shards = Callable[..., list[Shard]]
START = 120.0
"""Seconds that a cluster on a busy machine may take to answer."""


@pytest.fixture(scope="module")
def nodes(root: Path) -> Iterator[Any]:
    """Two nodes, whose processes find the steps of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{root / 'src'}:{root}")
        with two_nodes() as made:
            yield made


@pytest.fixture
def cluster(nodes: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """These nodes, as what FINEALIGN_ENGINE means."""
    monkeypatch.setenv("FINEALIGN_ENGINE", "ray")
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    return nodes


def files(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def ended(process: subprocess.Popen[str]) -> str:
    """What a process that ended well wrote to its standard error."""
    _, shown = process.communicate(timeout=START)
    assert process.returncode == 0, shown
    return shown


def test_two_nodes_write_what_one_process_writes(
    cluster: Any, start: Start, shards: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = shards(*"abcdef", "flaky", "fatal", "ghi")
    ended(start())
    monkeypatch.delenv("FINEALIGN_ENGINE")
    (tmp_path / "counted").mkdir()
    map_shards(Shout(tmp_path / "counted"), work, {"loud": tmp_path / "local"}, tmp_path / "other")
    assert files(tmp_path / "out" / "loud") == files(tmp_path / "local")
    assert len(list((tmp_path / "counter").glob("7.*"))) == 2, "the shard whose worker died was tried again"
    assert not list((tmp_path / "scratch").rglob(".*.tmp"))


def test_a_lost_node_costs_its_shard_a_new_attempt(
    cluster: Any, start: Start, shards: Shards, counter: Path, tmp_path: Path
) -> None:
    shards("late", *"abcd")
    running = start()
    wait_for(lambda: len(list(counter.glob("[1-4].1"))) == 4 and (counter / "0.1").exists(), START)
    holder = psutil.Process(int((counter / "0.1").read_text())).parent()
    lost = next(node for node in cluster.worker_nodes if raylet(node) == holder)
    cluster.remove_node(lost, allow_graceful=False)
    cluster.add_node(num_cpus=1)
    ended(running)
    assert sorted(files(tmp_path / "out" / "loud")) == [f"{number}.txt" for number in range(5)]
    assert sorted(path.name for path in counter.iterdir()) == ["0.1", "0.2", "1.1", "2.1", "3.1", "4.1"]


def test_a_killed_driver_takes_its_workers_along_and_goes_on_when_started_again(
    cluster: Any, start: Start, shards: Shards, counter: Path, tmp_path: Path
) -> None:
    shards("late", *"abc")
    driver = start()
    wait_for(lambda: len(list(tmp_path.glob("scratch/steps/shout/[!.]*"))) == 3, START)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    wait_for(lambda: not is_alive(int((counter / "0.1").read_text())), START)
    ended(start())
    assert sorted(files(tmp_path / "out" / "loud")) == [f"{number}.txt" for number in range(4)]
    assert not list(counter.glob("[1-3].2")), "finished shards are kept"


def test_errors_are_those_of_the_other_engine(cluster: Any, start: Start, shards: Shards) -> None:
    shards("a", "wrong")
    _, shown = (failed := start()).communicate(timeout=START)
    assert failed.returncode == 1 and "The input is wrong." in shown and "Traceback" not in shown


def test_a_shard_that_kills_its_workers_ends_the_map(cluster: Any, start: Start, shards: Shards, counter: Path) -> None:
    shards("a", "killed")
    _, shown = (failed := start()).communicate(timeout=2 * START)
    assert failed.returncode == 1 and "1.txt: killed" in shown and "want of memory" in shown
    assert (counter / "0.1").exists()


def test_other_versions_are_refused() -> None:
    from pipeline.execution.ray_engine import refusal

    versions = library_versions()
    assert refusal(versions) is None
    refused = str(refusal({**versions, "numpy": "1.0"}))
    assert "numpy 1.0" in refused and versions["numpy"] in refused


def test_a_step_that_cannot_be_set_up_says_why(counter: Path) -> None:
    assert isinstance(prepared(pickle.dumps(Shout(counter))), Shout)
    problem = prepared(pickle.dumps(Hoarse(counter)))
    assert isinstance(problem, UserError) and "no voice" in str(problem)


def test_another_engine_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_ENGINE", "spark")
    with pytest.raises(UserError, match="local, or ray"):
        chosen_engine()


def test_no_cluster_at_the_address_is_said(start: Start, shards: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_ENGINE", "ray")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    shards("a")
    _, shown = (failed := start()).communicate(timeout=START)
    assert failed.returncode == 1 and "no Ray cluster" in shown and "127.0.0.1:1" in shown
