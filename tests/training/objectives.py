"""A small contrastive objective, and a program that trains it; the tests start it in processes of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.core.errors import UserError
from pipeline.training.batches.grad_cache import backward, micro_batches
from pipeline.training.distributed import ALONE, World
from pipeline.training.loop import train
from pipeline.training.objective import Objective
from pipeline.training.params import TrainingParams


class Toy(Objective):
    """Two towers, a trained temperature, a memory bank and (optionally) dropout, on random vectors."""

    monitor: ClassVar[str] = "score"

    def __init__(self, samples: int = 64, batch_size: int = 16, dropout: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.a = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Dropout(dropout), nn.Linear(8, 4))
            self.b = nn.Linear(5, 4)
            self.scale = nn.Parameter(torch.tensor(2.0))
            self.x = torch.randn(samples, 6)
            self.y = self.x[:, :5] + 0.1 * torch.randn(samples, 5)
        self.batch_size, self.poison, self.die_at = batch_size, (0, 0), -1
        self.register_buffer("bank", torch.zeros(8, 4))

    def batch(self, step: int) -> Sequence[int]:
        generator = torch.Generator().manual_seed(step)
        return torch.randperm(len(self.x), generator=generator)[: self.batch_size].tolist()

    def collate(self, items: Sequence[int], step: int) -> dict[str, Tensor]:
        if step == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        bad = float("nan") if self.poison[0] <= step < self.poison[1] else 1.0
        return {"x": self.x[list(items)] * bad, "y": self.y[list(items)], "id": torch.tensor(items)}

    def outputs(self, micro: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"a": F.normalize(self.a(micro["x"])), "b": F.normalize(self.b(micro["y"])), "id": micro["id"]}

    def losses(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        assert isinstance(self.bank, Tensor)
        keys = torch.cat([outputs["b"], self.bank])
        target = torch.arange(len(outputs["a"]))
        return {"match": F.cross_entropy(self.scale.exp() * outputs["a"] @ keys.T, target)}

    def after_step(self, outputs: dict[str, Tensor]) -> None:
        assert isinstance(self.bank, Tensor)
        self.bank.copy_(outputs["b"][:8])

    def validate(self, processes: World = ALONE) -> dict[str, float]:
        similarity = F.normalize(self.a(self.x)) @ F.normalize(self.b(self.y)).T
        return {"score": float((similarity.argmax(1) == torch.arange(len(self.x))).float().mean())}


def settings(**changes: Any) -> TrainingParams:
    values = {
        "seed": 0,
        "steps": 12,
        "batch_size": 16,
        "learning_rate": 0.01,
        "eval_every": 5,
        "log_every": 2,
    }
    return TrainingParams.model_validate(values | changes)


def gradients(objective: Objective) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in objective.named_parameters() if p.grad is not None}


def update_gradient(
    objective: Objective, step: int, params: TrainingParams, world: World | None = None
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Losses and outputs of one update, whose gradient is added to the parameters."""
    processes = world or World()
    micros = [objective.collate(part, step) for part in micro_batches(objective, step, params, processes)]
    return backward(objective, micros, step, params, processes, torch.device("cpu"))


def assert_slow_version_agrees(fast: Objective, slow: dict[str, Tensor], step: int) -> None:
    """The losses of one update, and the gradients of their sum, equal those of a slow version."""
    named = {name: parameter for name, parameter in fast.named_parameters() if parameter.requires_grad}
    expected = torch.autograd.grad(torch.stack(list(slow.values())).sum(), list(named.values()), allow_unused=True)
    found = fast.losses(fast.outputs(fast.collate(fast.batch(step), step)))
    assert set(found) == set(slow)
    for name, loss in slow.items():
        assert found[name].item() == pytest.approx(loss.item(), rel=1e-6), name
    torch.stack(list(found.values())).sum().backward()
    for (name, parameter), gradient in zip(named.items(), expected, strict=True):
        reference = torch.zeros_like(parameter) if gradient is None else gradient
        actual = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        assert torch.allclose(actual, reference, atol=2e-7, rtol=1e-4), name


def assert_micro_batches_change_nothing(whole: Objective, parts: Objective, batch_size: int, micro: int) -> None:
    """The training loop's gradient in parts of `micro` samples is that of the whole batch; both are one model."""
    found = []
    for objective, size in ((whole, None), (parts, micro)):
        update_gradient(objective.eval(), 0, settings(batch_size=batch_size, micro_batch_size=size))
        found.append(gradients(objective))
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        assert torch.allclose(gradient, found[1][name], atol=1e-6), name


def in_two_processes(root: Path, module: str, *arguments: object) -> list[int]:
    """Run `python -m module arguments` as two connected processes; their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}", "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    base |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", module, *map(str, arguments)]
    processes = [
        subprocess.Popen(command, cwd=root, env={**base, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(2)
    ]
    return [process.wait(120) for process in processes]


def main() -> None:
    """`objectives.py train SCRATCH DIE_AT`: train and save; `objectives.py gradient OUT MICRO`: one gradient.

    The last process dies at step DIE_AT; what the others say is in SCRATCH/said-RANK.txt.
    """
    task, folder, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if task == "train":
        from pipeline.training import loop

        loop.SECONDS_BETWEEN_CHECKPOINTS = 0.0
        objective, rank = Toy(dropout=0.3), int(os.environ.get("RANK", "0"))
        if rank == int(os.environ.get("WORLD_SIZE", "1")) - 1:
            objective.die_at = number
        try:
            history = train(objective, settings(), name="toy", fingerprint="f", scratch=folder, device="cpu")
        except UserError as error:
            (folder / f"said-{rank}.txt").write_text(str(error))
            sys.exit(1)
        torch.save([objective.state_dict(), history.state()], folder / f"result-{rank}.pt")
        return
    from pipeline.training.distributed import world

    objective = Toy(dropout=0.3 if number else 0.0)
    params = settings(micro_batch_size=number or None)
    with world() as processes:
        values, _ = update_gradient(objective, 3, params, processes)
        squares = processes.map(lambda number: (number * number, processes.rank), range(5))
        torch.save((values, gradients(objective), squares), folder / f"gradient-{processes.rank}.pt")


if __name__ == "__main__":
    main()
