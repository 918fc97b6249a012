"""What a worker process does: prepare the step once, then one shard after the other until the connection ends.

It computes with one thread, whatever the number of workers, since the number of threads may change the last bits of a
sum. It ends when its parent does, however the parent ended.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pickle
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

from pipeline.core.errors import UserError
from pipeline.execution.job import Job, attempt, explained, set_up
from pipeline.execution.process import keep_freed_memory, limit_threads
from pipeline.execution.step import Step


def work(connection: Connection, pickled: bytes, rank: int) -> None:
    """Answer every job that comes over the connection with None, or with what went wrong.

    `pickled` is the step: it is opened here, so that an import that fails is an answer too. `rank` picks an
    accelerator.
    """
    step = _prepared(pickled, rank)
    with suppress(EOFError, ConnectionError):
        while True:
            job: Job = connection.recv()
            connection.send(step if isinstance(step, UserError) else attempt(step, job))


def _prepared(pickled: bytes, rank: int) -> Step | UserError:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return prepared(pickled, rank)


def prepared(pickled: bytes, rank: int | None = None) -> Step | UserError:
    """A step that this process has opened and set up, to compute in one thread; or what went wrong.

    rank: the worker's number, which picks its accelerator; None if whoever started the process has picked one.
    """
    try:
        step: Step = pickle.loads(pickled)
        if step.on_device and rank is not None:
            _choose_accelerator(rank)
        keep_freed_memory()
        limit_threads(1)
        problem = set_up(step)
        limit_threads(1)
    except Exception as error:
        return explained(error)
    return problem or step


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _choose_accelerator(rank: int) -> None:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = visible.split(",") if visible else None
    os.environ["CUDA_VISIBLE_DEVICES"] = devices[rank % len(devices)] if devices else str(rank)
