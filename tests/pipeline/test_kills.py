"""The stages that work shard by shard give the same bytes on any number of workers, on either engine, and when killed.

KILLS=20 runs all of it, with so many kills of every stage on every engine; otherwise a part on the local engine that
takes a minute. What Ray loses and gives again is tested in tests/execution/test_ray.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import psutil
import pytest
from tests.execution.cluster import raylet, two_nodes
from tests.execution.conftest import wait_for
from tests.pipeline.conftest import Clone
from tests.pipeline.small_chain import SECONDS, SECONDS_TO_END, SmallChain, copy_chain, cut_shards

WHOLE = "KILLS" in os.environ
KILLS = int(os.environ.get("KILLS", "1"))
STAGES = ("embed_teacher", "generate", "filter")
WORKERS = ("1", "2", "4")
CORES = 2
"""Of each node of the cluster."""
SHARDS, IMAGES = (5 if WHOLE else 2), 3
"""That each packed shard of the smoke chain, two for training and one for validation, is cut into."""


@dataclass(frozen=True)
class Machine:
    """Where a stage runs. nodes: the cluster that its workers belong to, if it is not the stage's own."""

    name: str
    environment: dict[str, str]
    nodes: Any = None

    def workers(self, stage: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """The processes that compute for a stage: children of its fork server, or of a node's raylet."""
        try:
            above = map(raylet, self.nodes.worker_nodes) if self.nodes else psutil.Process(stage.pid).children()
            found = [process for parent in above for process in parent.children()]
            actors = [process for process in found if "ShardWorker" in " ".join(process.cmdline())]
        except psutil.NoSuchProcess:
            return []
        return found if self.name == "local" else actors

    def require_idle(self, stage: subprocess.Popen[bytes]) -> None:
        """Wait until nobody computes for a stage any more; fails if somebody goes on."""
        wait_for(lambda: not self.workers(stage), SECONDS_TO_END)


@pytest.fixture(scope="module")
def chain(smoke: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallChain]:
    """Small shards, and what one worker makes of them."""
    needed, shards = ("models/generator", "models/filter", "data/benchmarks"), "data/raw/toyworld/cc3m"
    with copy_chain(smoke, tmp_path_factory.mktemp("small"), *needed) as made:
        cut_shards(smoke.root / shards, made.root / shards, SHARDS, IMAGES)
        made.finish(made.start("fetch_pairs", {}))
        made.expected.update({stage: made.run(stage, FINEALIGN_WORKERS="1") for stage in STAGES})
        yield made


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    with two_nodes(CORES) as made:
        yield made


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Machine:
    """Worker processes; a standing cluster of two nodes; or a cluster that the stage starts."""
    name: str = request.param
    if name == "local":
        return Machine(name, {"FINEALIGN_ENGINE": "local"})
    if name == "own cluster":
        pytest.importorskip("ray")
        return Machine(name, {"FINEALIGN_ENGINE": "ray"})
    nodes = request.getfixturevalue("nodes")
    return Machine(name, {"FINEALIGN_ENGINE": "ray", "RAY_ADDRESS": nodes.address}, nodes)


UNBROKEN = [
    (machine, stage, workers)
    for machine in ("local", "ray")
    for stage in STAGES
    for workers in WORKERS
    if WHOLE or (machine, stage, workers) == ("local", "embed_teacher", "4")
]
KILLED = [
    (machine, stage)
    for machine in ("local", "ray", "own cluster")
    for stage in STAGES
    if (WHOLE and (machine != "own cluster" or stage == "generate")) or (machine, stage) == ("local", "generate")
]


@pytest.mark.parametrize(("machine", "stage", "workers"), UNBROKEN, indirect=["machine"])
def test_any_number_of_workers_gives_the_same_bytes(
    chain: SmallChain, machine: Machine, stage: str, workers: str
) -> None:
    assert chain.run(stage, **machine.environment, FINEALIGN_WORKERS=workers) == chain.expected[stage]


@pytest.mark.parametrize(("machine", "stage"), KILLED, indirect=["machine"])
def test_kills_leave_the_same_bytes(chain: SmallChain, machine: Machine, stage: str) -> None:
    """Kills at moments of the time that an unbroken start takes; the next start follows at once, beside orphans."""
    began, random = time.monotonic(), Random(f"{machine.name} {stage}")
    assert chain.run(stage, **machine.environment, FINEALIGN_WORKERS="2") == chain.expected[stage]
    seconds, kills = time.monotonic() - began, KILLS
    chain.forget(stage)
    while True:
        process = chain.start(stage, {**machine.environment, "FINEALIGN_WORKERS": random.choice(WORKERS)})
        if kills and outlasts(process, random.uniform(0, seconds)):
            kill(process, machine, random)
            kills -= 1
        if process.wait(SECONDS) == -signal.SIGKILL:
            continue
        chain.finish(process)
        machine.require_idle(process)
        assert chain.written(stage) == chain.expected[stage]
        chain.forget(stage)
        if not kills:
            break


def outlasts(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for a while; returns whether a process still runs."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode is None


def kill(stage: subprocess.Popen[bytes], machine: Machine, random: Random) -> None:
    """Kill a stage with its process group, the stage alone, one of its workers if it has any, or a node."""
    workers = machine.workers(stage)
    victims = ("group", "stage", *(["worker"] if workers else []), *(["node"] if machine.nodes else []))
    victim = random.choice(victims)
    if victim == "node":
        lost = random.choice(machine.nodes.worker_nodes)
        machine.nodes.remove_node(lost, allow_graceful=False)
        machine.nodes.add_node(num_cpus=CORES)
    elif victim == "worker":
        random.choice(workers).kill()
    elif victim == "group":
        os.killpg(stage.pid, signal.SIGKILL)
    else:
        stage.kill()
    print(f"{victim} killed; {len(workers)} workers were there", flush=True)
