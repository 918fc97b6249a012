"""Plain lines of progress, as a log holds them."""

from __future__ import annotations

import pytest

from pipeline.core import progress as module
from pipeline.core.progress import duration, progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test sets; every call gives a line."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.0)
    return now


def test_time_left_follows_the_pace_of_this_run(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress("work", 10) as tell:
        for done, now in ((4, 100.0), (5, 130.0), (7, 190.0), (10, 280.0)):
            clock[0] = now
            tell(done, "loss 1.5")
    assert capsys.readouterr().out.splitlines() == [
        "work: 4/10 loss 1.5",
        "work: 5/10 loss 1.5, 2 min left",
        "work: 7/10 loss 1.5, 90 s left",
        "work: 10/10 loss 1.5",
    ]


def test_a_log_is_not_flooded(
    clock: list[float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 10.0)
    with progress("work", 100) as tell:
        for done in range(1, 101):
            clock[0] += 1.0
            tell(done)
    assert len(capsys.readouterr().out.splitlines()) == 10


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (99, "99 s"), (150, "2 min"), (5400, "90 min"), (12_600, "3.5 h")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
