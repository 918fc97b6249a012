"""The engine for a Ray cluster: shards of one step on actors, one step (and so one model) in each.

RAY_ADDRESS names the cluster (`auto`: the one that this machine belongs to); without it one is started on this machine
for the time of the stage. The repository lies at the same path on all nodes, on a file system that they share. Images
and results never pass through Ray: an actor is told a shard's name and files, and answers whether that went well. The
package `pipeline` travels with the first job; the libraries are those of the node, and must have the versions of this
process, since other versions may give other bytes.

An actor has one GPU, if the step computes on one, or one core. An actor for which there is no room waits for a node,
and gets no job before it answers. One that is lost, with its node or alone, costs its shard a new attempt. What it
wrote lies in a temporary folder that bears its name, so attempts at one shard never mix, and one rename finishes a
shard. Actors end with this process.
"""

from __future__ import annotations

import logging
import os
import pickle
import secrets
import socket
from collections import Counter, deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.process.environment import whole_number
from pipeline.core.process.system_errors import LESS_MEMORY
from pipeline.execution.closure import SOURCE
from pipeline.execution.job import Job, Outcome, Writer, attempt
from pipeline.execution.step import Step, library_versions
from pipeline.execution.worker import prepared

try:
    import ray
    from ray.exceptions import RayError, RayTaskError
except ImportError:
    raise UserError(
        "Ray is not installed, and FINEALIGN_ENGINE asks for it.",
        fix="install it on every node, with `pip install 'finealign[ray]'`, or unset FINEALIGN_ENGINE",
    ) from None

MOST_LOSSES = 3
"""So many workers may be lost at one shard; one more is the shard's fault."""
SECONDS_OF_PATIENCE = 30.0
"""After so long without any answer, while no worker is at work, a line says what is waited for."""
SECONDS_TO_CONNECT = 10.0
OBJECT_STORE_BYTES = 100_000_000
"""Of a cluster that is started here; next to nothing goes through it."""


class ShardWorker:
    """What an actor is: a step that is prepared once, and does one shard after the other."""

    def __init__(self, pickled: bytes, versions: dict[str, str], writer: Writer) -> None:
        self.writer = writer
        self.step = refusal(versions) or prepared(pickled)

    def ready(self) -> None:
        """Answers as soon as the actor is there."""

    def attempt(self, job: Job) -> UserError | None:
        """Run one shard; returns what went wrong."""
        return self.step if isinstance(self.step, UserError) else attempt(self.step, job, self.writer)


def refusal(versions: dict[str, str]) -> UserError | None:
    """Why this process must not work: its libraries have other versions than these."""
    here = library_versions()
    different = [name for name in versions if here[name] != versions[name]]
    if not different:
        return None
    return UserError(
        "A node has other versions of libraries than the process that asks it.",
        where=os.uname().nodename,
        expected=", ".join(f"{name} {versions[name]}" for name in different),
        found=", ".join(f"{name} {here[name]}" for name in different),
        fix="install the same versions on all nodes (constraints.txt names them)",
    )


@dataclass
class _Hired:
    """An actor seen from here. job: what it is at; None while it is set up."""

    actor: Any
    writer: Writer
    job: Job | None = None


@dataclass
class RayEngine:
    """Actors of a cluster that this process is connected to."""

    lost: Counter[str] = field(default_factory=Counter)

    @staticmethod
    def connect() -> RayEngine:
        """Connect, once a process. Raises UserError if there is no cluster at the address."""
        if not ray.is_initialized():
            address = os.environ.get("RAY_ADDRESS")
            cluster = {} if address else _new_cluster()
            try:
                _require_answer(address or "")
                ray.init(logging_level=logging.WARNING, runtime_env=_runtime(), **cluster)
            except (OSError, ValueError, RuntimeError) as error:
                raise UserError(
                    "There is no Ray cluster to connect to.",
                    where=f"RAY_ADDRESS={address or ''}",
                    found=str(error)[:300],
                    fix="start one (`ray start --head`), or unset RAY_ADDRESS to start one for this stage",
                ) from None
        return RayEngine()

    def device(self) -> str:
        """FINEALIGN_DEVICE, else `cuda` if the cluster has a GPU."""
        return os.environ.get("FINEALIGN_DEVICE") or ("cuda" if ray.cluster_resources().get("GPU") else "cpu")

    def workers(self, step: Step) -> int:
        """FINEALIGN_WORKERS, which may be more than there is room for now; else what the cluster's nodes hold."""
        room = ray.cluster_resources().get("GPU" if self._needs_gpu(step) else "CPU", 1)
        return whole_number("FINEALIGN_WORKERS", 1) or max(1, int(room) * self._per_core(step))

    def _needs_gpu(self, step: Step) -> bool:
        return step.on_device and self.device().startswith("cuda")

    def _per_core(self, step: Step) -> int:
        return 1 if self._needs_gpu(step) else step.workers_per_core

    def run(self, step: Step, jobs: Sequence[Job], workers: int) -> Generator[Outcome]:
        """Run every job on an actor. Raises UserError if actors cannot be had, or are lost before they begin."""
        waiting, count = deque(jobs), min(workers, len(jobs))
        asked: dict[Any, _Hired] = {}
        idle: list[_Hired] = []
        try:
            while waiting or any(hired.job for hired in asked.values()):
                for _ in range(count - len(asked) - len(idle)):
                    hired = self._hire(step)
                    asked[hired.actor.ready.remote()] = hired
                while waiting and idle:
                    hired = idle.pop()
                    hired.job = waiting.popleft()
                    asked[hired.actor.attempt.remote(hired.job)] = hired
                for reference in self._answered(step, asked):
                    hired = asked.pop(reference)
                    job, hired.job = hired.job, None
                    try:
                        problem: UserError | None = ray.get(reference)
                        idle.append(hired)
                    except RayError as error:
                        problem = self._loss(hired, job, error)
                        if job and problem is None:
                            waiting.appendleft(job)
                            continue
                    if job:
                        yield job, problem
                    elif problem:
                        raise problem
        finally:
            for hired in (*asked.values(), *idle):
                ray.kill(hired.actor)
                if hired.job:
                    hired.job.drop(hired.writer)

    def _hire(self, step: Step) -> _Hired:
        gpu = self._needs_gpu(step)
        actor = ray.remote(ShardWorker).options(
            num_cpus=1 / self._per_core(step),
            num_gpus=1 if gpu else 0,
            max_restarts=0,
            runtime_env={"env_vars": {"FINEALIGN_DEVICE": self.device() if step.on_device else "cpu"}},
        )
        writer = Writer(os.getpid(), f"-{secrets.token_hex(8)}")
        return _Hired(actor.remote(pickle.dumps(step), library_versions(), writer), writer)

    def _answered(self, step: Step, asked: dict[Any, _Hired]) -> list[Any]:
        """The actors that have answered; waits for one, and says so where nobody is at work."""
        while True:
            answered, _ = ray.wait(list(asked), timeout=SECONDS_OF_PATIENCE)
            if answered:
                return answered
            if not any(hired.job for hired in asked.values()):
                needed = "a GPU" if self._needs_gpu(step) else "a core"
                print(f"{step.name}: waits for {needed}; the cluster has {_resources()}", flush=True)

    def _loss(self, hired: _Hired, job: Job | None, error: RayError) -> UserError | None:
        """What went wrong where an actor is lost once too often; None where its job is to be tried again."""
        ray.kill(hired.actor)  # It may be cut off and alive.
        sample = job.last_sample(hired.writer) if job else ""
        if job:
            job.drop(hired.writer)
        name = job.shard.name if job else ""
        self.lost[name] += 1
        if self.lost[name] <= MOST_LOSSES and not isinstance(error, RayTaskError):
            return None
        return UserError(
            f"{self.lost[name]} workers were lost, one after the other. The usual cause is want of memory.",
            where=sample,
            found=str(error).strip()[:500],
            fix=LESS_MEMORY,
        )


def _require_answer(address: str) -> None:
    """Raise OSError if nobody listens at `[ray://]host:port`: Ray would end this process."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_CONNECT).close()


def _new_cluster() -> dict[str, Any]:
    cores = whole_number("FINEALIGN_WORKERS", 1)
    return {
        "address": "local",
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
        "num_cpus": cores,
    }


def _runtime() -> dict[str, Any]:
    """What a worker's process gets: this code, and this process's settings."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("FINEALIGN_")}
    return {"py_modules": [str(SOURCE / "pipeline")], "env_vars": settings}


def _resources() -> str:
    found = ray.cluster_resources()
    return ", ".join(f"{found.get(name, 0):g} {name}" for name in ("CPU", "GPU"))
