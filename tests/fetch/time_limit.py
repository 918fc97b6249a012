"""A guard of fuzz tests: what reads an example without end fails with it, instead of stopping the whole run."""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")

SECONDS = 20.0


class TooSlow(BaseException):
    """No Exception, which a reader may take for a damaged file."""


def ends_in_time(check: Callable[P, None]) -> Callable[P, None]:
    """A test of one example that fails with an AssertionError after SECONDS; below `@given`.

    A signal ends it, so it must run in the main thread, and code in C ends only when it returns to Python.
    """

    def ring(*_: object) -> None:
        raise TooSlow

    @functools.wraps(check)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            check(*args, **kwargs)
        except TooSlow as error:
            example = ", ".join([*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())])
            raise AssertionError(f"not done after {SECONDS:g} seconds: {example}") from error
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    return guarded
