from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.training.objectives import Toy, gradients, in_two_processes, settings, update_gradient

from pipeline.core.errors import UserError
from pipeline.training.batches.memory import check_memory
from pipeline.training.distributed import World
from pipeline.training.loop import train
from pipeline.training.schedule import learning_rate

CPU = torch.device("cpu")


def reference_gradients(objective: Toy, step: int) -> dict[str, torch.Tensor]:
    """The obvious way: one forward pass of the whole batch, one backward pass."""
    sum(objective.losses(objective.outputs(objective.collate(objective.batch(step), step))).values()).backward()  # type: ignore[union-attr]
    return gradients(objective)


@pytest.mark.parametrize("micro", [None, 8, 4, 1])
def test_micro_batches_give_the_gradient_of_the_whole_batch(micro: int | None) -> None:
    expected = reference_gradients(Toy(), 3)
    objective = Toy()
    update_gradient(objective, 3, settings(micro_batch_size=micro))
    torch.testing.assert_close(gradients(objective), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("micro", [0, 4])
def test_two_processes_give_the_gradient_of_one(tmp_path: Path, root: Path, micro: int) -> None:
    # Equal micro-batches have equal dropout; without them the whole batch is one, and nothing is comparable.
    objective = Toy(dropout=0.3 if micro else 0.0)
    update_gradient(objective, 3, settings(micro_batch_size=micro or None))
    expected = gradients(objective)
    assert in_two_processes(root, "tests.training.objectives", "gradient", tmp_path, micro) == [0, 0]
    for rank in range(2):
        _, found, squares = torch.load(tmp_path / f"gradient-{rank}.pt", weights_only=True)
        assert squares == [(0, 0), (1, 1), (4, 0), (9, 1), (16, 0)]
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_killed_and_resumed_gives_the_same_bytes(tmp_path: Path, root: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"}
    results = []
    for name, deaths in (("whole", []), ("killed", [7])):
        scratch = tmp_path / name
        scratch.mkdir()
        command = [sys.executable, "-m", "tests.training.objectives", "train", str(scratch)]
        for step in deaths:
            assert subprocess.run([*command, str(step)], cwd=root, env=environment, check=False).returncode == -9
        subprocess.run([*command, "-1"], cwd=root, env=environment, check=True)
        results.append(torch.load(scratch / "result-0.pt", weights_only=True))
    (whole, whole_history), (killed, killed_history) = results
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    assert whole_history == killed_history


def test_a_lost_process_is_named_and_the_training_goes_on(tmp_path: Path, root: Path) -> None:
    def trained(scratch: Path, die_at: int) -> list[int]:
        scratch.mkdir(exist_ok=True)
        return in_two_processes(root, "tests.training.objectives", "train", scratch, die_at)

    assert trained(tmp_path / "whole", -1) == [0, 0]
    assert trained(tmp_path / "lost", 7) == [1, -9]
    said = (tmp_path / "lost" / "said-0.txt").read_text()
    assert "Another process of this training has ended." in said and "process 0 of 2" in said
    assert trained(tmp_path / "lost", -1) == [0, 0]
    whole, lost = (torch.load(tmp_path / name / "result-0.pt", weights_only=True) for name in ("whole", "lost"))
    assert all(torch.equal(value, lost[0][name]) for name, value in whole[0].items()) and whole[1] == lost[1]


def test_learns_writes_curves_and_keeps_the_best(tmp_path: Path) -> None:
    objective = Toy(batch_size=64)
    params = settings(steps=300, batch_size=64, eval_every=20)
    history = train(objective, params, name="toy", fingerprint="f", scratch=tmp_path, device="cpu")
    assert history.best_value > max(0.3, history.validation[0]["score"])
    assert objective.eval().validate()["score"] == pytest.approx(history.best_value)
    history.write(tmp_path / "plots")
    with (tmp_path / "plots" / "training.csv").open() as stream:
        points = list(csv.DictReader(stream))
    assert float(points[-1]["match"]) < float(points[0]["match"])
    assert set(points[0]) == {"step", "learning_rate", "grad_norm", "match"}


def test_a_validation_figure_that_is_not_a_number_ends_the_training(tmp_path: Path) -> None:
    objective = Toy()
    objective.validate = lambda _: {"score": float("nan")}  # type: ignore[method-assign]
    with pytest.raises(UserError, match="no longer gives finite numbers") as error:
        train(objective, settings(), name="toy", fingerprint="f", scratch=tmp_path, device="cpu")
    assert "score nan" in error.value.found


def test_stops_early_without_improvement(tmp_path: Path) -> None:
    objective = Toy()
    objective.validate = lambda _: {"score": 1.0}  # type: ignore[method-assign]
    params = settings(steps=100, eval_every=2, patience=3)
    history = train(objective, params, name="toy", fingerprint="f", scratch=tmp_path, device="cpu")
    assert [row["step"] for row in history.validation] == [2, 4, 6, 8] and history.best_step == 2


def test_one_bad_batch_is_skipped_and_many_end_the_training(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    objective = Toy()
    objective.poison = (2, 3)
    train(objective, settings(), name="toy", fingerprint="a", scratch=tmp_path, device="cpu")
    assert "update 2 skipped" in capsys.readouterr().out
    assert all(torch.isfinite(p).all() for p in objective.parameters())
    objective.poison = (2, 100)
    with pytest.raises(UserError, match="no longer gives finite numbers"):
        train(objective, settings(), name="toy", fingerprint="b", scratch=tmp_path, device="cpu")


@given(st.integers(1, 200), st.floats(0, 0.9), st.sampled_from(["cosine", "linear", "constant"]))
def test_schedule_rises_then_falls_and_stays_in_range(steps: int, warmup: float, schedule: str) -> None:
    params = settings(steps=steps, warmup_ratio=warmup, schedule=schedule)
    rates = [learning_rate(step, params) for step in range(steps)]
    peak = max(range(steps), key=rates.__getitem__)
    assert all(0 <= rate <= params.learning_rate * (1 + 1e-9) for rate in rates)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_a_batch_that_memory_does_not_hold_is_refused_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = Toy()
    sample = 6 * 4 + 5 * 4 + 8
    monkeypatch.setattr("pipeline.execution.batch_memory.memory_bytes", lambda: 1000 * sample)
    check_memory(objective, settings(batch_size=1000), World(), CPU)
    with pytest.raises(UserError, match="more memory than the machine has") as error:
        train(objective, settings(batch_size=2000), name="toy", fingerprint="f", scratch=tmp_path, device="cpu")
    assert error.value.where == "training.batch_size"
    objective.joint_bytes = lambda batch_size: 8 * batch_size**2  # type: ignore[method-assign]
    with pytest.raises(UserError, match="more memory"):
        check_memory(objective, settings(batch_size=1000), World(), CPU)
