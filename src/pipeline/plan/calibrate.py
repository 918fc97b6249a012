"""What one unit of work takes: floating-point operations counted, seconds measured on this machine.

One small batch is run first. Its operations are counted (`torch.utils.flop_counter`), and the tensors that its backward
pass keeps are added up. Where seconds are wanted, that batch was the
warm-up, and batches grow fourfold up to the stage's own until one takes a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from pipeline.core.parameters.bounds import Precision
from pipeline.execution.process import limit_threads

ENOUGH = 1.0
"""Seconds of the batch that is believed."""
ON_CPU = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda query, key, value, *rest, **named: sdpa_flop_count(query, key, value)
    ),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        lambda grad, query, key, value, *rest, **named: sdpa_backward_flop_count(grad, query, key, value)
    ),
}
"""How the attention of a CPU is counted, which torch leaves out: as it counts a GPU's."""


@dataclass(frozen=True)
class Part:
    """Work that comes in batches: `run(prepare(n))` does n units, and only `run` is timed.

    models: what runs; none if a core does it. smallest, largest: units of a batch. threads: those that a stage gives it
    on a CPU. stored: bytes that a unit leaves on disk. held: bytes on the device of the largest batch's inputs, where
    they are known before. kept_for: samples whose backward pass is under way together.
    """

    prepare: Callable[[int], Any]
    run: Callable[[Any], object]
    models: Sequence[nn.Module] = ()
    largest: int = 64
    smallest: int = 1
    precision: Precision = "float32"
    threads: int = 1
    stored: float = 0
    held: float = 0
    kept_for: int = 0


@dataclass(frozen=True)
class Cost:
    """Of one unit of a part: operations, and seconds (None: not measured).

    stored: as of the part. parameters, trained: of its models. device_bytes: its weights with what trains them, and its
    largest batch. threads: of the part.
    """

    flops: float
    seconds: float | None
    precision: Precision
    stored: float
    parameters: int
    trained: int
    device_bytes: float
    threads: int


def cost(part: Part, device: torch.device, timed: bool) -> Cost:
    """Count, and if `timed` measure, one unit. What a core does is always measured, and not counted.

    Weights take 4 bytes each, and 12 more for gradient and moments if they are trained.
    """
    weights = {id(one): one for model in part.models for one in model.parameters()}.values()
    before = limit_threads(part.threads)
    try:
        flops, kept = counted(part, {weight.data_ptr() for weight in weights})
        seconds = measured(part, device) if timed or not part.models else None
    finally:
        limit_threads(before)
    parameters = sum(weight.numel() for weight in weights)
    trained = sum(weight.numel() for weight in weights if weight.requires_grad) if part.kept_for else 0
    held = 4 * parameters + 12 * trained + part.held + kept * part.kept_for
    return Cost(flops, seconds, part.precision, part.stored, parameters, trained, held, part.threads)


def counted(part: Part, weights: set[int]) -> tuple[float, float]:
    """Operations, and bytes kept for the backward pass besides the weights, per unit."""
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor
        return tensor

    counter: Any = FlopCounterMode(display=False, custom_mapping=ON_CPU)
    with saved_tensors_hooks(keep, lambda tensor: tensor), counter:
        part.run(part.prepare(part.smallest))
    return counter.get_total_flops() / part.smallest, sum(one.nbytes for one in kept.values()) / part.smallest


def measured(part: Part, device: torch.device) -> float:
    """Seconds of one unit in the largest batch that takes not much more than a second."""
    size = part.smallest
    while (seconds := duration(part, size, device)) < ENOUGH and size < part.largest:
        size = min(4 * size, part.largest)
    return seconds / size


def duration(part: Part, size: int, device: torch.device) -> float:
    """Seconds of one batch. A GPU chooses its kernels at the first one of a size, which is not timed.

    On a CPU they are the processor's time over the number of threads, so that what else runs there does not count.
    """
    inputs = part.prepare(size)
    if device.type != "cuda" or not part.models:
        start = time.process_time()
        part.run(inputs)
        return (time.process_time() - start) / part.threads
    part.run(inputs)
    torch.cuda.synchronize(device)
    start = time.perf_counter()
    part.run(inputs)
    torch.cuda.synchronize(device)
    return time.perf_counter() - start
