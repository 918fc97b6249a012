"""How a process computes: with a number of threads that is a constant, and without giving memory back.

The number of threads may change the last bits of a sum.

glibc takes every large block from the system and returns it at once, and the system clears each page again when it is
next used. An update that makes and drops hundreds of megabytes of activations spends more time on that than on some
of its layers. PyTorch has an allocator of its own that keeps memory on GPUs, but not on CPUs.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CPU_THREADS = 2
"""Of a training, and of what is measured with a trained model; workers have one each."""
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Of glibc's malloc.h."""
NEVER = -1


def keep_freed_memory() -> None:
    """From now on this process returns no memory to the system (where its C library is glibc; nothing elsewhere)."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, NEVER)


def decoding_threads(device: str) -> int:
    """In how many threads a worker decodes pictures ahead of its model: this worker's share of the machine's cores.

    None on a CPU, where one thread is all that a worker has.
    """
    if not device.startswith("cuda"):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // max(1, len(list(Path("/proc/driver/nvidia/gpus").glob("*")))))


def limit_threads(count: int) -> int:
    """Set torch's threads, if torch is in use; returns the number before (or `count`)."""
    torch = sys.modules.get("torch")
    if torch is None:
        return count
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    return before


@contextmanager
def fixed_threads(count: int) -> Iterator[None]:
    """Compute with so many threads inside the block; memory is kept from now on."""
    keep_freed_memory()
    before = limit_threads(count)
    try:
        yield
    finally:
        limit_threads(before)
