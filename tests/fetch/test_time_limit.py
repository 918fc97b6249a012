"""The guard of fuzz tests."""

from __future__ import annotations

import contextlib
import signal

import pytest
from tests.fetch import time_limit


def test_an_example_without_end_fails_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "SECONDS", 0.01)
    before = signal.getsignal(signal.SIGALRM)

    @time_limit.ends_in_time
    def check(data: bytes, size: int) -> None:
        with contextlib.suppress(Exception):
            while size:
                pass

    check(b"sound", size=0)
    with pytest.raises(AssertionError, match=r"not done after 0\.01 seconds: b'odd', size=7"):
        check(b"odd", size=7)
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
