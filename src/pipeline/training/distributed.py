"""One process or many: what the loop needs to know of the others.

Processes are launched by `torchrun`, which sets RANK, WORLD_SIZE and LOCAL_RANK. Gradients are summed by the loop
itself, in one flat buffer, since its gradient of a joint loss is a sum over processes and not a mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from pipeline.core.errors import UserError
from pipeline.core.process.environment import read_ranks
from pipeline.core.process.launch import OTHER_ENDED

TIMEOUT = timedelta(minutes=30)

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class World:
    """This process's number and how many there are.

    Where all processes meet, each raises UserError if another has ended.
    """

    rank: int = 0
    size: int = 1

    def share(self, items: Any) -> Any:
        """This process's contiguous part of a batch; the batch size is a multiple of `size`."""
        part = len(items) // self.size
        return items[self.rank * part : (self.rank + 1) * part]

    def gather(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Outputs of all processes in order of rank; this process's part keeps its graph."""
        if self.size == 1:
            return outputs
        gathered = {}
        for name, own in outputs.items():
            parts = [torch.empty_like(own) for _ in range(self.size)]
            with self._all_needed():
                dist.all_gather(parts, own.detach().contiguous())
            parts[self.rank] = own
            gathered[name] = torch.cat(parts)
        return gathered

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """The function's results for all items, on every process; each is computed by one, and can be pickled."""
        own = [function(item) for item in items[self.rank :: self.size]]
        if self.size == 1:
            return own
        parts: list[Any] = [None] * self.size
        with self._all_needed():
            dist.all_gather_object(parts, own)
        results: list[Any] = [None] * len(items)
        for rank, part in enumerate(parts):
            results[rank :: self.size] = part
        return results

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its sum over the processes; a missing one counts as zero."""
        if self.size == 1:
            return
        trained = [p for p in parameters if p.requires_grad]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in trained])
        with self._all_needed():
            dist.all_reduce(flat)
        for parameter, part in zip(trained, flat.split([p.numel() for p in trained]), strict=True):
            parameter.grad = part.view_as(parameter)

    def from_first(self, value: Any) -> Any:
        """The value that process 0 has, on every process."""
        if self.size == 1:
            return value
        box = [value]
        with self._all_needed():
            dist.broadcast_object_list(box, src=0)
        return box[0]

    @contextmanager
    def _all_needed(self) -> Iterator[None]:
        """Raise UserError where the connection breaks, which means that a process has ended."""
        try:
            yield
        except RuntimeError as error:
            # Backends have no common type of their own for this.
            raise UserError(
                OTHER_ENDED,
                where=f"process {self.rank} of {self.size}",
                found=str(error).splitlines()[0],
                fix="see what that process said, and start again: the training goes on from its last checkpoint",
            ) from error


ALONE = World()


@contextmanager
def world() -> Iterator[World]:
    """The processes of this run, connected for the block's duration."""
    ranks = read_ranks()
    if ranks.size == 1:
        yield ALONE
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(ranks.local_rank)
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=TIMEOUT)
    try:
        yield World(ranks.rank, ranks.size)
    finally:
        dist.destroy_process_group()
