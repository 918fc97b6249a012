"""Trainings compute with a constant number of threads from their first sum on, whatever the environment says."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pipeline.alignment.training import train as alignment
from pipeline.execution.process import CPU_THREADS
from pipeline.questioner.finetuning import train as finetuning
from pipeline.questioner.pretraining.train import Pretraining
from pipeline.questioner.training.train import QuestionerTraining

pytestmark = pytest.mark.usefixtures("one_thread")


class Stop(Exception):
    """Ends a training as soon as it has said how many threads it has."""


def stop_saying_threads(*_arguments: Any) -> None:
    raise Stop(torch.get_num_threads())


def test_alignment_reads_and_initialises_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "assemble", stop_saying_threads)
    with pytest.raises(Stop, match=f"^{CPU_THREADS}$"):
        alignment.align(None, None)  # pyright: ignore[reportArgumentType]
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("kind", [QuestionerTraining, Pretraining])
def test_a_questioner_is_built_with_them(monkeypatch: pytest.MonkeyPatch, kind: type) -> None:
    monkeypatch.setattr(kind, "build", stop_saying_threads)
    with pytest.raises(Stop, match=f"^{CPU_THREADS}$"):
        kind(None, None)


@pytest.mark.parametrize("kind", [QuestionerTraining, Pretraining])
def test_a_questioner_is_measured_with_them(monkeypatch: pytest.MonkeyPatch, kind: type) -> None:
    monkeypatch.setattr(kind, "objective", stop_saying_threads)
    training = object.__new__(kind)
    training.params = type("Params", (), {"training": None})()
    with pytest.raises(Stop, match=f"^{CPU_THREADS}$"):
        training.run()


def test_fine_tuning_computes_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetuning, "require_folder", stop_saying_threads)
    training = object.__new__(finetuning.Finetuning)
    training.paths = type("Anywhere", (), {"pretrained": None})()  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(Stop, match=f"^{CPU_THREADS}$"):
        training.run()
