"""The sample at hand: which one an error, or the death of a process, is about.

`with at_sample(file, key):` around the work on a sample names it. An error that leaves the block carries the name as a
note. A process that is killed can say nothing any more; so inside `names_kept_in` the name is written to a file first.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LONGEST = 1000
"""Bytes of a name that are kept in a file."""

_at = threading.local()
"""The name at hand, of each thread."""
_kept: int | None = None
"""The descriptor of the file that it is written to."""


@contextmanager
def at_sample(place: object, *keys: str) -> Iterator[None]:
    """Inside the block a place is at hand, or there a sample (one key) or a batch of samples (several keys).

    An error gets the name as a note, unless it names the place already.
    """
    first_and_last = (*keys[:1], *keys[1:][-1:])
    name, around = ": ".join([str(place), *filter(None, [" … ".join(first_and_last)])]), getattr(_at, "name", "")
    _keep(name)
    try:
        yield
    except Exception as error:
        if str(place) not in f"{getattr(error, 'where', '')}; {sample_of(error)}":
            error.add_note(name)
        raise
    finally:
        _keep(around)


def _keep(name: str) -> None:
    _at.name = name
    if _kept is not None:
        with suppress(OSError):
            os.pwrite(_kept, name.encode(errors="replace")[:LONGEST].ljust(LONGEST), 0)


def sample_of(error: BaseException) -> str:
    """The sample that an error is about; empty if none is known."""
    return "; ".join(getattr(error, "__notes__", ()))


@contextmanager
def names_kept_in(file: Path) -> Iterator[None]:
    """Inside the block the name at hand stands in a file (`read_name`), which stays."""
    global _kept
    with file.open("wb", buffering=0) as stream:
        _kept = stream.fileno()
        try:
            yield
        finally:
            _kept = None


def read_name(file: Path) -> str:
    """The name that a process kept in a file; empty if there is none."""
    with suppress(OSError):
        return file.read_bytes().decode(errors="ignore").strip()
    return ""
