"""A wrong environment is told before any work begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.core.demo import run

from pipeline.core.errors import UserError
from pipeline.core.process.environment import Ranks, check_environment, read_ranks, scratch_limit_bytes

MEETING = {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
WRONG = {
    "rank alone": ({"RANK": "1"}, "no WORLD_SIZE"),
    "rank no number": ({"RANK": "abc"}, "RANK"),
    "rank no number with size": ({"RANK": "abc", "WORLD_SIZE": "2", **MEETING}, "RANK"),
    "negative rank": ({"RANK": "-1", "WORLD_SIZE": "2", **MEETING}, "RANK"),
    "rank too high": ({"RANK": "2", "WORLD_SIZE": "2", **MEETING}, "below WORLD_SIZE, which is 2"),
    "size alone": ({"WORLD_SIZE": "2"}, "no RANK, MASTER_ADDR, MASTER_PORT"),
    "size of one alone": ({"WORLD_SIZE": "1"}, "no RANK"),
    "size no number": ({"WORLD_SIZE": "x"}, "WORLD_SIZE"),
    "size zero": ({"RANK": "0", "WORLD_SIZE": "0"}, "WORLD_SIZE"),
    "no meeting place": ({"RANK": "0", "WORLD_SIZE": "2"}, "no MASTER_ADDR, MASTER_PORT"),
    "local rank": ({"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "first"}, "LOCAL_RANK"),
    "workers in superscript": ({"FINEALIGN_WORKERS": "²"}, "FINEALIGN_WORKERS"),
    "no workers": ({"FINEALIGN_WORKERS": "0"}, "a whole number, 1 or more"),
    "fewer workers than none": ({"FINEALIGN_WORKERS": "-1"}, "FINEALIGN_WORKERS"),
    "workers empty": ({"FINEALIGN_WORKERS": ""}, "FINEALIGN_WORKERS"),
    "workers without end": ({"FINEALIGN_WORKERS": "9" * 5000}, "FINEALIGN_WORKERS"),
    "unknown device": ({"FINEALIGN_DEVICE": "toaster"}, "cpu, cuda, cuda:1, mps"),
    "device that is not here": ({"FINEALIGN_DEVICE": "cuda:99"}, "no device 'cuda:99' here"),
    "device without a driver": ({"FINEALIGN_DEVICE": "xpu"}, "no device 'xpu' here"),
    "device without storage": ({"FINEALIGN_DEVICE": "meta"}, "no device 'meta' here"),
    "device empty": ({"FINEALIGN_DEVICE": ""}, "FINEALIGN_DEVICE"),
    "scratch empty": ({"FINEALIGN_SCRATCH_GB": ""}, "FINEALIGN_SCRATCH_GB"),
    "scratch in words": ({"FINEALIGN_SCRATCH_GB": "much"}, "gigabytes"),
    "scratch below zero": ({"FINEALIGN_SCRATCH_GB": "-1"}, "gigabytes"),
    "scratch not a number": ({"FINEALIGN_SCRATCH_GB": "nan"}, "gigabytes"),
}


@pytest.mark.parametrize(("variables", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_environment_ends_a_stage_before_its_work(
    project: Path, variables: dict[str, str], message: str
) -> None:
    code, out, err = run(project, "text: x", environment=variables)
    assert code == 1 and out == "" and message in err
    assert err.startswith("error: ") and "way out:" in err and "Traceback" not in err
    assert not (project / ".finealign").exists() and not (project / "data").exists()


def test_processes_are_read_as_torchrun_sets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert read_ranks() == Ranks(0, 0, 1)
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", **MEETING}.items():
        monkeypatch.setenv(name, value)
    assert read_ranks() == Ranks(3, 1, 4)
    monkeypatch.delenv("LOCAL_RANK")
    assert read_ranks() == Ranks(3, 3, 4)


def test_the_limit_of_scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FINEALIGN_SCRATCH_GB", raising=False)
    assert scratch_limit_bytes() == 50_000_000_000
    monkeypatch.setenv("FINEALIGN_SCRATCH_GB", "0.5")
    assert scratch_limit_bytes() == 500_000_000


def test_a_device_that_was_found_but_cannot_be_used_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FINEALIGN_DEVICE", raising=False)
    check_environment("cpu")
    with pytest.raises(UserError, match="cuda:99") as error:
        check_environment("cuda:99")
    assert "FINEALIGN_DEVICE=cpu" in error.value.fix
