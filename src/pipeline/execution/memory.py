"""Memory that one tensor gave back is kept for the next.

glibc takes every large block from the system and returns it at once, and the system clears each page again when it is
next used. An update that makes and drops hundreds of megabytes of activations spends more time on that than on some
of its layers. PyTorch has an allocator of its own that keeps memory on GPUs, but not on CPUs.
"""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Of glibc's malloc.h."""
NEVER = -1


def keep_freed_memory() -> None:
    """From now on this process returns no memory to the system (where its C library is glibc; nothing elsewhere)."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, NEVER)
