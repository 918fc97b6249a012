"""The one training loop, for generator, filter and alignment.

Each update: the gradient of the whole batch (see `grad_cache.py`), clipped; AdamW at the scheduled rate. Now and
then: validation, a curve's point, a checkpoint. The best weights by the monitored figure are restored at the end.

Exact resume: everything is a function of the step, or in the checkpoint. On a CPU a training that was killed and
started again gives the same bytes as one that was not; the number of threads inside an operation is a constant
for that reason. A gradient that is not finite is skipped; several in a row end the training with a message.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from pipeline.core.errors import UserError
from pipeline.core.progress import progress
from pipeline.execution.ahead import ahead
from pipeline.execution.process import CPU_THREADS, fixed_threads
from pipeline.training import checkpoint
from pipeline.training.batches.grad_cache import backward, micro_batches
from pipeline.training.batches.memory import check_memory
from pipeline.training.distributed import World, world
from pipeline.training.history import History
from pipeline.training.objective import Objective
from pipeline.training.params import TrainingParams
from pipeline.training.schedule import learning_rate

SECONDS_BETWEEN_CHECKPOINTS = 15.0
"""The least pause; if writing a checkpoint takes t > 1 seconds, the pause is 15 t."""
SKIPS_IN_A_ROW = 5


def train(
    objective: Objective, params: TrainingParams, *, name: str, fingerprint: str, scratch: Path, device: str
) -> History:
    """Train the objective; it holds the best weights afterwards. Returns the curves.

    `fingerprint` digests what decides the result (code, parameters, data); a checkpoint in `scratch/training/<name>/`
    of the same fingerprint, number of processes, class of device and libraries is resumed from. Raises UserError if the
    batch cannot be split over the processes or does not fit into memory, if gradients or the validation figure are not
    finite, or if the disk does not take a checkpoint.
    """
    deterministic = torch.are_deterministic_algorithms_enabled()
    # torch makes this module's class at run time, so its attribute is unknown to type checkers.
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    place = torch.device(device)
    torch.use_deterministic_algorithms(place.type == "cpu")
    # Nothing reads memory before it is written; filling every new tensor would cost a twentieth of the time.
    memory.fill_uninitialized_memory = False
    try:
        with fixed_threads(CPU_THREADS), world() as processes:
            check_batch(params, processes)
            check_memory(objective, params, processes, place)
            folder = scratch / "training" / name / checkpoint.machine_fingerprint(fingerprint, processes.size, place)
            return Run(objective.to(place), params, name, folder / "checkpoint.pt", processes, place).complete()
    finally:
        torch.use_deterministic_algorithms(deterministic)
        memory.fill_uninitialized_memory = filled


def check_batch(params: TrainingParams, processes: World) -> None:
    """Raise UserError unless every process gets the same number of samples."""
    if params.batch_size % processes.size:
        raise UserError(
            "The batch cannot be split evenly over the processes.",
            where="training.batch_size",
            expected=f"a multiple of {processes.size}",
            found=params.batch_size,
            fix="set FINEALIGN_PROCESSES to a number of processes that divides the batch",
        )


class Run:
    """One training under way: objective, optimiser, history and step, with their checkpoint."""

    def __init__(
        self,
        objective: Objective,
        params: TrainingParams,
        name: str,
        path: Path,
        processes: World,
        device: torch.device,
    ) -> None:
        self.objective, self.params, self.name = objective, params, name
        self.path, self.processes, self.device = path, processes, device
        self.groups = objective.parameter_groups()
        self.trained = [parameter for group in self.groups for parameter in group["params"]]
        self.optimiser = torch.optim.AdamW(
            self.groups,
            lr=params.learning_rate,
            betas=(params.betas[0], params.betas[1]),
            weight_decay=params.weight_decay,
        )
        self.history = History()
        self.best: dict[str, torch.Tensor] = {}
        self.step, self.skipped, self.finished = 0, 0, False
        self.saved_at, self.pause = time.monotonic(), SECONDS_BETWEEN_CHECKPOINTS

    def complete(self) -> History:
        """Train from the checkpoint, or from the start, to the end, and restore the best weights."""
        self.resume()
        if not self.finished:
            with progress(self.name, self.params.steps) as tell, closing(self.collated()) as updates:
                while self.step < self.params.steps and not self.stopped_early():
                    losses = self.update(next(updates))
                    self.step += 1
                    self.validate_if_due()
                    tell(self.step, f"loss {sum(losses.values()):.3f}")
                    self.save_if_due()
            self.finished = True
            self.save()
        self.objective.load_state_dict(self.best)
        self.objective.eval()
        return self.history

    def collated(self) -> Generator[list[Any]]:
        """The micro-batches of every update that is left, collated ahead as the objective asks."""

        def collate(update: tuple[int, list[Sequence[Any]]]) -> list[Any]:
            return [self.objective.collate(part, update[0]) for part in update[1]]

        steps = range(self.step, self.params.steps)
        updates = ((step, micro_batches(self.objective, step, self.params, self.processes)) for step in steps)
        return ahead(collate, updates, self.objective.prefetch)

    def update(self, micros: Sequence[Any]) -> dict[str, float]:
        """One update of the weights by its micro-batches; returns the losses."""
        self.objective.train()
        self.optimiser.zero_grad(set_to_none=True)
        losses, outputs = backward(self.objective, micros, self.step, self.params, self.processes, self.device)
        norm = float(torch.nn.utils.clip_grad_norm_(self.trained, self.params.max_grad_norm))
        if not math.isfinite(norm + sum(losses.values())):
            self.skip(losses, norm)
            return losses
        self.skipped = 0
        rate = learning_rate(self.step, self.params)
        for group, given in zip(self.optimiser.param_groups, self.groups, strict=True):
            group["lr"] = rate * given.get("lr_scale", 1.0)
        self.optimiser.step()
        with torch.no_grad():
            self.objective.after_step(outputs)
        self.history.add(self.step, {"learning_rate": rate, "grad_norm": norm, **losses}, self.params.log_every)
        return losses

    def skip(self, losses: dict[str, float], norm: float) -> None:
        """Leave the weights as they are; raise UserError after several such updates in a row."""
        self.skipped += 1
        values = ", ".join(f"{name} {value:g}" for name, value in losses.items())
        print(f"{self.name}: update {self.step} skipped, not finite: {values}, gradient {norm:g}", flush=True)
        if self.skipped >= SKIPS_IN_A_ROW:
            raise self.not_finite(f"{values}, gradient norm {norm:g}, {self.skipped} times in a row")

    def not_finite(self, found: str) -> UserError:
        """The error for a training that has gone astray."""
        return UserError(
            f"The training '{self.name}' no longer gives finite numbers.",
            where=f"update {self.step}",
            found=found,
            fix=f"lower training.learning_rate, or use precision float32; the last good state is kept in {self.path}",
        )

    def validate_if_due(self) -> None:
        """Validate every so many steps and at the end; keep the weights if they are the best so far."""
        if self.step % self.params.eval_every and self.step != self.params.steps:
            return
        self.objective.eval()
        with torch.no_grad():
            figures = self.processes.from_first(self.objective.validate(self.processes))
        if not math.isfinite(figures[self.objective.monitor]):
            raise self.not_finite(f"validation: {self.objective.monitor} {figures[self.objective.monitor]:g}")
        if self.history.validated(self.step, figures, self.objective.monitor):
            self.best = {key: value.detach().clone() for key, value in self.objective.state_dict().items()}

    def stopped_early(self) -> bool:
        """Whether the monitored figure has not improved for as long as patience allows."""
        return self.params.patience is not None and self.history.stale() >= self.params.patience

    def save_if_due(self) -> None:
        """Checkpoint after some seconds; when it happens changes nothing in the result."""
        if not self.skipped and time.monotonic() - self.saved_at > self.pause:
            self.save()

    def save(self) -> None:
        """Write the checkpoint (process 0 only)."""
        start = time.monotonic()
        if self.processes.rank == 0:
            state = {
                "step": self.step,
                "finished": self.finished,
                "objective": self.objective.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "history": self.history.state(),
                "best": self.best,
            }
            checkpoint.save(self.path, state)
        self.saved_at = time.monotonic()
        self.pause = SECONDS_BETWEEN_CHECKPOINTS * max(1.0, self.saved_at - start)

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one.

        Raises UserError if another process found another one, as where each has a scratch folder of its own.
        """
        state = checkpoint.load(self.path, self.device)
        if state is not None:
            self.step, self.finished, self.best = state["step"], state["finished"], state["best"]
            self.objective.load_state_dict(state["objective"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.history = History(**state["history"])
            print(f"{self.name}: going on from step {self.step} of {self.params.steps}", flush=True)
        first = self.processes.from_first(self.step)
        if self.step != first:
            raise UserError(
                "The processes of a training found different checkpoints.",
                where=f"{self.path}, process {self.processes.rank} of {self.processes.size}",
                expected=f"that of process 0, after {first} updates",
                found=f"one after {self.step} updates",
                fix="let all processes use one scratch folder, or remove this one",
            )
