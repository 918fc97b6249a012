"""What is trained: a module that gives per-sample outputs, and joint losses over a whole batch of them.

Splitting a loss this way serves every model here. For a contrastive loss the outputs are embeddings, and the
joint loss compares all of them; for a language model the outputs are per-sample sums and counts, and the joint
loss is one sum over the other. The loop may then compute the outputs in micro-batches or on several processes
and still get the gradient of the whole batch (see `grad_cache.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from pipeline.training.distributed import ALONE, World


class Objective(nn.Module, ABC):
    """A model with its losses, its data and its validation.

    `state_dict()` must hold all that changes in training: weights, temperatures, memory banks. `monitor` names
    the validation figure that decides which weights are best; higher is better. `prefetch` is how many updates
    are collated ahead, each in a thread of its own; `collate` must then be safe to run several times at once.
    """

    monitor: ClassVar[str]
    prefetch: int = 0

    @abstractmethod
    def batch(self, step: int) -> Sequence[Any]:
        """The samples of one update (over all processes). They depend on `step` only, so resuming needs no more."""

    @abstractmethod
    def collate(self, items: Sequence[Any], step: int) -> Any:
        """Some of a batch's samples as tensors (nested dicts, lists, tuples). Pure: no global random state."""

    @abstractmethod
    def outputs(self, micro: Any) -> dict[str, Tensor]:
        """Forward pass: named tensors whose first dimension is the samples of `micro`."""

    @abstractmethod
    def losses(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Named scalar losses, weighted, from the outputs of the whole batch, in order; the loop adds them up."""

    def joint_bytes(self, batch_size: int) -> int:
        """Bytes that the joint losses of a batch take at least; more than its samples' own where they are compared."""
        return 0

    @abstractmethod
    def validate(self, processes: World = ALONE) -> dict[str, float]:
        """Validation figures, the same on all processes; called in eval mode without gradients."""

    def after_step(self, outputs: dict[str, Tensor]) -> None:
        """Told after each update about the whole batch's outputs, detached; a memory bank renews itself here."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Groups for the optimiser: `params`, and optionally `lr_scale` (times the learning rate) or `weight_decay`.

        By default matrices decay and vectors, scalars and norms do not; frozen parameters are left out.
        """
        return decay_groups(self.parameters())


def decay_groups(parameters: Iterable[nn.Parameter], lr_scale: float = 1.0) -> list[dict[str, Any]]:
    """Trained parameters as groups for the optimiser: matrices, then what is not to decay; none if none is trained."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if p.ndim >= 2], "lr_scale": lr_scale},
        {"params": [p for p in trained if p.ndim < 2], "lr_scale": lr_scale, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
