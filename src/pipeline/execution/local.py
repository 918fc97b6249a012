"""The local engine: shards of one step on worker processes of this machine.

Workers come from a fork server that imported the step's module once, so that torch is paid for once and not per
worker. Each worker computes with one thread, whatever the number of workers, since the number of threads may
change the last bits of a sum. A worker ends when its parent does, however the parent ended.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.settings import Machine
from pipeline.execution.closure import SOURCE
from pipeline.execution.process import fixed_threads, keep_freed_memory, limit_threads
from pipeline.execution.step import Shard, Step

_step: Step | UserError | None = None
"""What this worker runs, or why it cannot."""

Job = tuple[Shard, Path]
"""A shard and the folder that its outputs go to."""


def run_local(
    step: Step, jobs: Sequence[Job], run: Callable[[Step, Job], None], machine: Machine
) -> Iterator[tuple[Job, Exception | None]]:
    """Run `run(step, job)` for every job; yields each job when it ends, with its error if it failed.

    One worker runs in this process, without a pool.
    """
    workers = min(machine.workers, len(jobs))
    if workers <= 1:
        yield from _in_process(step, jobs, run)
    else:
        yield from _in_pool(step, jobs, run, workers)


def _in_process(
    step: Step, jobs: Sequence[Job], run: Callable[[Step, Job], None]
) -> Iterator[tuple[Job, Exception | None]]:
    with fixed_threads(1):
        step.setup()
    for job in jobs:
        with fixed_threads(1):
            error = _attempt(step, job, run)
        yield job, error


def _attempt(step: Step, job: Job, run: Callable[[Step, Job], None]) -> Exception | None:
    try:
        run(step, job)
    except Exception as error:
        return error
    return None


def _in_pool(
    step: Step, jobs: Sequence[Job], run: Callable[[Step, Job], None], workers: int
) -> Iterator[tuple[Job, Exception | None]]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([type(step).__module__])
    ranks = context.SimpleQueue()
    for rank in range(workers):
        ranks.put(rank)
    with (
        _importable_source(),
        ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(step, ranks)) as pool,
    ):
        futures: dict[Future[None], Job] = {pool.submit(_run_in_worker, run, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield futures[future], error
                if isinstance(error, BrokenProcessPool):
                    break
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(step: Step, ranks: multiprocessing.SimpleQueue[int]) -> None:
    global _step
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if step.on_device:
        _choose_accelerator(ranks.get())
    keep_freed_memory()
    limit_threads(1)
    try:
        step.setup()
        _step = step
    except UserError as error:
        # Raised here it would break the pool, with a traceback of every worker.
        _step = error
    limit_threads(1)


def _run_in_worker(run: Callable[[Step, Job], None], job: Job) -> None:
    if isinstance(_step, UserError):
        raise _step
    assert _step is not None
    run(_step, job)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _choose_accelerator(rank: int) -> None:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = visible.split(",") if visible else None
    os.environ["CUDA_VISIBLE_DEVICES"] = devices[rank % len(devices)] if devices else str(rank)


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
