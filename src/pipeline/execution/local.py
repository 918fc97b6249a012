"""The local engine: shards of one step on worker processes of this machine.

Workers come from a fork server that imported the step's module once, so that torch is paid for once and not per
worker. Each has a connection of its own, over which it gets one shard at a time. So a worker that dies, killed or for
want of memory, costs only the shard that it had, and is replaced. Nothing here needs shared memory or semaphores.

When the map ends, for whatever reason, the workers are killed at once: a shard that is not complete lies in a temporary
folder. Workers never see a Ctrl-C: the parent decides.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import resource
import signal
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from pipeline.core.errors import UserError
from pipeline.core.process.system_errors import FEWER_FILES, LESS_MEMORY
from pipeline.core.settings import machine, visible_gpus
from pipeline.execution.closure import SOURCE
from pipeline.execution.job import Job, Outcome, Unexpected, Writer, attempt, explained, set_up
from pipeline.execution.process import fixed_threads
from pipeline.execution.step import Step
from pipeline.execution.worker import work

FILES, FILES_PER_WORKER = 64, 4
"""That a process and its fork server open at once: they need fewer, libraries are not counted to the last."""
SECONDS_TO_DIE = 1.0
"""Longest time between the end of a dead worker's connection and the news of its exit code."""


def local_workers(step: Step) -> int:
    """How many workers this machine has for a step: accelerators limit those of a step that computes on them."""
    here = machine()
    if step.on_device and here.device.startswith("cuda") and "FINEALIGN_WORKERS" not in os.environ:
        return visible_gpus()
    return here.workers * step.workers_per_core


def run_local(step: Step, jobs: Sequence[Job], workers: int) -> Generator[Outcome]:
    """Run every job once, on at most so many processes; yields each when it ends. Close the generator to stop early.

    `workers` 1 means this process.
    """
    if workers == 1:
        yield from _in_this_process(step, jobs)
    else:
        yield from _on_workers(step, deque(jobs), min(workers, len(jobs)))


def _in_this_process(step: Step, jobs: Sequence[Job]) -> Generator[Outcome]:
    with fixed_threads(1):
        problem = set_up(step)
    for job in jobs:
        with fixed_threads(1):
            error = problem or attempt(step, job)
        yield job, error


def _on_workers(step: Step, waiting: deque[Job], count: int) -> Generator[Outcome]:
    _require_open_files(FILES + FILES_PER_WORKER * count)
    module, pickled = type(step).__module__, pickle.dumps(step)
    workers = [_Worker(module, pickled, rank) for rank in range(count)]
    try:
        while waiting or any(worker.job for worker in workers):
            for worker in workers:
                if waiting and worker.job is None:
                    job = waiting.popleft()
                    if problem := worker.begin(job):
                        yield job, problem
            ready = wait([handle for worker in workers for handle in worker.handles()])
            for worker in workers:
                if worker.job and not set(worker.handles()).isdisjoint(ready):
                    yield worker.job, worker.end()
    finally:
        for worker in workers:
            worker.kill()


class _Worker:
    """A worker seen from its parent: a process that is started for its first job, and again after it died."""

    def __init__(self, module: str, pickled: bytes, rank: int) -> None:
        self.module, self.pickled, self.rank = module, pickled, rank
        self.job: Job | None = None
        self.process: BaseProcess | None = None

    def begin(self, job: Job) -> UserError | None:
        """Hand over a job; returns why that cannot be."""
        try:
            if self.process is None:
                self._start()
            self.connection.send(job)
        except (OSError, EOFError) as error:
            self.kill()
            return explained(error)
        self.job = job
        return None

    def _start(self) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([self.module])
        self.connection, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, self.pickled, self.rank), daemon=True)
        with theirs, _deaf_to_ctrl_c(), _importable_source():
            process.start()
        self.process = process

    def handles(self) -> list[Connection | int]:
        """What becomes ready when the worker has answered or died; nothing while it has no job."""
        return [self.connection, self.process.sentinel] if self.process and self.job else []

    def end(self) -> UserError | None:
        """What the worker answered, or how it died, once one of the handles is ready."""
        try:
            if self.connection.poll():
                answer: UserError | None = self.connection.recv()
                self.job = None
                return answer
        except (EOFError, OSError):
            pass
        return self._death()

    def _death(self) -> UserError:
        assert self.process and self.process.pid and self.job
        self.process.join(SECONDS_TO_DIE)
        code, sample = self.process.exitcode, self.job.last_sample(Writer(self.process.pid))
        self.kill()
        how = signal.strsignal(-code) if code is not None and code < 0 else f"exit code {code}"
        problem = f"A worker process died ({how}). The usual cause is want of memory."
        return Unexpected(problem, where=sample, fix=LESS_MEMORY)

    def kill(self) -> None:
        """End the process, if there is one, and drop what it left of its job."""
        if self.process is None:
            return
        self.process.kill()
        self.process.join()
        self.connection.close()
        if self.job and self.process.pid:
            self.job.drop(Writer(self.process.pid))
        self.process = self.job = None


def _require_open_files(needed: int) -> None:
    """Raise UserError where fewer files may be open: a fork server that lacks them ends with a traceback of its own."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and limit < needed:
        raise UserError(
            "Too few files may be open at once.", expected=f"{needed} or more", found=limit, fix=FEWER_FILES
        )


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started inside the block, and their children, do not get the signal of Ctrl-C."""
    resource_tracker.ensure_running()  # It would lift the mask when it is started later.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _importable_source() -> Iterator[None]:
    """The fork server preloads modules before it learns this process's sys.path: tell it by environment."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(SOURCE), *([before] if before else [])])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
