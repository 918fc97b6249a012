"""Progress for people: a bar on a terminal, a plain line now and then elsewhere. Never part of an output."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

SECONDS_BETWEEN_LINES = 10.0

_standing = ""


class Progress(Protocol):
    """Told after each piece of work how many pieces are done, with an optional remark."""

    def __call__(self, done: int, remark: str = "") -> None: ...


def standing() -> str:
    """How far the latest work has come, as `title done/total`; empty before the first."""
    return _standing


@contextmanager
def progress(title: str, total: int) -> Iterator[Progress]:
    """Show progress of `total` pieces of work under a title, and keep how far it has come (`standing`)."""
    global _standing
    _standing = title

    def tell(done: int, remark: str = "") -> None:
        global _standing
        _standing = f"{title} {done}/{total}"
        show(done, remark)

    with _shown(title, total) as show:
        yield tell


@contextmanager
def _shown(title: str, total: int) -> Iterator[Progress]:
    if sys.stdout.isatty():
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        with Bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done, remark="": bar.update(task, completed=done, description=f"{title} {remark}")
    else:
        yield _Lines(title, total)


class _Lines:
    def __init__(self, title: str, total: int) -> None:
        self.title, self.total = title, total
        self.last = time.monotonic()
        self.start: tuple[float, int] | None = None

    def __call__(self, done: int, remark: str = "") -> None:
        now = time.monotonic()
        if self.start is None:
            self.start = now, done
        if done >= self.total or now - self.last >= SECONDS_BETWEEN_LINES:
            self.last = now
            print(f"{self.title}: {done}/{self.total} {remark}".rstrip() + self.time_left(now, done), flush=True)

    def time_left(self, now: float, done: int) -> str:
        """By the pace since this run's first piece; an interrupted run's pieces came before. Empty if unknown."""
        begin, first = self.start or (now, done)
        if not first < done < self.total:
            return ""
        return f", {duration((now - begin) / (done - first) * (self.total - done))} left"


def duration(seconds: float) -> str:
    """About how long that is, for people: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
