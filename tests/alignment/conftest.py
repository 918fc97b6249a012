"""Every test of the alignment runs on one worker and one thread of a CPU."""

import pytest

from pipeline.training import loop


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")
    monkeypatch.setenv("FINEALIGN_DEVICE", "cpu")
    # So small a model gains nothing from a second thread, and waits for it where other work runs.
    monkeypatch.setattr(loop, "CPU_THREADS", 1)
