"""The gradient of a joint loss over a batch that does not fit into one forward pass.

Gradient caching (Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup"):

1. Compute the outputs of all micro-batches without a graph (with a single micro-batch: with its graph).
2. Gather the outputs of all processes, compute the joint loss on them, and its gradient with respect to them.
3. Compute each micro-batch again, with a graph and the same random numbers, and pass the stored gradient on.

The result is exact: the chain rule, cut at the outputs. Every process computes the whole joint loss but passes on
only the gradient of its own outputs, so the parameters' gradients are summed over processes, not averaged.

Dropout is a function of the step and of the micro-batch's number in the whole batch. So any number of processes drops
the same if `micro_batch_size` divides each one's share; without it, each share is one micro-batch, and they differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pipeline.execution.precision import autocast
from pipeline.training.distributed import World
from pipeline.training.objective import Objective
from pipeline.training.params import TrainingParams


def backward(
    objective: Objective, micros: Sequence[Any], step: int, params: TrainingParams, world: World, device: torch.device
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Add the gradient of one update's joint loss to the parameters, summed over processes.

    `micros` are this process's micro-batches of update `step`, collated. Returns the named losses and the whole batch's
    outputs, detached.
    """
    cached = len(micros) > 1
    outputs = []
    # Numbered over the whole batch, so that they have the same dropout whichever process computes them.
    numbered = list(enumerate(micros, start=world.rank * len(micros)))
    for number, micro in numbered:
        with torch.set_grad_enabled(not cached):
            outputs.append(_outputs(objective, micro, step, number, params, device))
    leaves = {name: _leaf(torch.cat([output[name].detach() for output in outputs])) for name in outputs[0]}
    gathered = world.gather(leaves)
    losses = objective.losses(gathered)
    torch.stack(list(losses.values())).sum().backward()
    if world.size > 1:
        # Every process holds the same gradient of the loss's own parameters; the sum below must count it once.
        for parameter in objective.parameters():
            if parameter.grad is not None:
                parameter.grad /= world.size
    start = 0
    for output, (number, micro) in zip(outputs, numbered, strict=True):
        again = _outputs(objective, micro, step, number, params, device) if cached else output
        _pass_on(again, leaves, start)
        start += len(next(iter(output.values())))
    world.sum_gradients(objective.parameters())
    values = {name: float(loss.detach()) for name, loss in losses.items()}
    return values, {name: tensor.detach() for name, tensor in gathered.items()}


def micro_batches(objective: Objective, step: int, params: TrainingParams, world: World) -> list[Sequence[Any]]:
    """This process's samples of one update, as what passes through the model together."""
    items = world.share(objective.batch(step))
    size = min(params.micro_batch_size or len(items), len(items))
    return [items[start : start + size] for start in range(0, len(items), size)]


def _outputs(
    objective: Objective,
    micro: Any,
    step: int,
    number: int,
    params: TrainingParams,
    device: torch.device,
) -> dict[str, Tensor]:
    micro = to_device(micro, device)
    # Seeding from the step makes the random state a function of the step: nothing to store, replay is exact.
    torch.manual_seed(((params.seed * 1_000_003 + step) * 4_099 * 4_099 + number) % 2**64)
    with autocast(params.precision, device):
        outputs = objective.outputs(micro)
    return {name: o.float() if o.is_floating_point() and o.dtype != torch.float64 else o for name, o in outputs.items()}


def _leaf(output: Tensor) -> Tensor:
    return output.requires_grad_(output.is_floating_point())


def _pass_on(output: dict[str, Tensor], leaves: dict[str, Tensor], start: int) -> None:
    pairs = []
    for name, tensor in output.items():
        gradient = leaves[name].grad
        if gradient is not None and tensor.requires_grad:
            pairs.append((tensor, gradient[start : start + len(tensor)]))
    if pairs:
        tensors, gradients = zip(*pairs, strict=True)
        torch.autograd.backward(tensors, gradients)


def to_device(value: Any, device: torch.device) -> Any:
    """Tensors in nested dicts, lists and tuples, moved to a device; everything else as it is."""
    match value:
        case Tensor():
            return value.to(device, non_blocking=True)
        case dict():
            return {key: to_device(item, device) for key, item in value.items()}
        case list() | tuple():
            return type(value)(to_device(item, device) for item in value)
        case _:
            return value
