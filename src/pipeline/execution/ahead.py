"""Computing ahead in threads, for what would keep the processor that trains waiting: decoding pictures, for one.

Python runs one thread at a time, but decoding and resizing let go of that lock, so a few threads do speed up. Results
come in the order of the items whatever the threads' order, so nothing depends on their number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(function: Callable[[Item], Result], items: Iterable[Item], depth: int) -> Generator[Result]:
    """`function(item)` of every item in order, computed up to `depth` items ahead in as many threads; 0: none.

    Items are taken in the caller's thread. An error in a thread is raised when its result is asked for. The threads
    end with the iterator: when it is used up, raises, or is closed (`contextlib.closing`).
    """
    if depth == 0:
        yield from map(function, items)
        return
    rest = iter(items)
    pool = ThreadPoolExecutor(depth, thread_name_prefix="ahead")
    try:
        waiting: deque[Future[Result]] = deque(pool.submit(function, item) for item in islice(rest, depth))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(rest, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
