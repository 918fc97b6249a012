"""What runs the jobs of a map: worker processes of this machine, or the actors of a Ray cluster.

FINEALIGN_ENGINE says which (`local` if it is not set). It is a fact of the machine, as the number of workers is: the
same step writes the same bytes on either.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from typing import Protocol

from pipeline.core.process.environment import invalid
from pipeline.core.settings import machine
from pipeline.execution.job import Job, Outcome
from pipeline.execution.local import local_workers, run_local
from pipeline.execution.step import Step


class Engine(Protocol):
    """Runs jobs on workers."""

    def device(self) -> str:
        """The device that a step computes on if it computes on one: `cpu`, `cuda`."""
        ...

    def workers(self, step: Step) -> int:
        """How many workers there are for a step."""
        ...

    def run(self, step: Step, jobs: Sequence[Job], workers: int) -> Generator[Outcome]:
        """Run every job once; yields each when it ends. Close the generator to stop early."""
        ...


class LocalEngine:
    """Processes of this machine (`local.py`)."""

    def device(self) -> str:
        """This machine's device."""
        return machine().device

    def workers(self, step: Step) -> int:
        """One per core, or per accelerator."""
        return local_workers(step)

    def run(self, step: Step, jobs: Sequence[Job], workers: int) -> Generator[Outcome]:
        """Run every job in a worker process; in this process if one worker is enough."""
        return run_local(step, jobs, workers)


def chosen_engine() -> Engine:
    """What FINEALIGN_ENGINE names. Raises UserError for another name, or if Ray or its cluster is missing."""
    name = os.environ.get("FINEALIGN_ENGINE", "local")
    if name == "local":
        return LocalEngine()
    if name == "ray":
        from pipeline.execution.ray_engine import RayEngine

        return RayEngine.connect()
    raise invalid("FINEALIGN_ENGINE", name, "local, or ray")
