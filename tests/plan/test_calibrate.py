"""What is counted of one unit, against products counted by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from pipeline.plan.calibrate import Part, cost

CPU = torch.device("cpu")


def test_a_linear_layer_takes_two_operations_a_weight_and_thrice_that_with_its_gradient() -> None:
    layers = nn.Sequential(nn.Linear(30, 50, bias=False), nn.Linear(50, 7, bias=False))
    weights = 30 * 50 + 50 * 7

    def forward(inputs: torch.Tensor) -> None:
        with torch.inference_mode():
            layers(inputs)

    def backward(inputs: torch.Tensor) -> None:
        layers(inputs).sum().backward()

    def prepare(count: int) -> torch.Tensor:
        return torch.zeros(count, 30)

    once = cost(Part(prepare, forward, [layers], smallest=3), CPU, timed=False)
    assert (once.flops, once.seconds, once.parameters, once.trained) == (2 * weights, None, weights, 0)
    assert once.device_bytes == 4 * weights
    trained = cost(Part(prepare, backward, [layers], smallest=3, kept_for=5), CPU, timed=True)
    assert trained.flops == 3 * 2 * weights - 2 * 30 * 50, "the inputs need no gradient"
    assert trained.seconds is not None and trained.trained == weights
    assert trained.device_bytes == 16 * weights + 5 * 4 * (30 + 50), "inputs of both layers, of five samples"


@pytest.mark.parametrize("backward", [False, True])
def test_attention_on_a_cpu_is_counted_as_a_gpu_s(backward: bool) -> None:
    heads, length, width = 4, 50, 32

    def run(query: torch.Tensor) -> None:
        result = functional.scaled_dot_product_attention(query, query, query)
        if backward:
            result.sum().backward()

    def prepare(count: int) -> torch.Tensor:
        return torch.ones(count, heads, length, width, requires_grad=backward)

    product = 2 * heads * length * length * width
    found = cost(Part(prepare, run, [nn.Identity()], smallest=2), CPU, timed=False).flops
    assert found == product * (2 + 5 * backward), "the fused backward pass computes the scores again"


def test_what_needs_no_model_is_measured_and_not_counted() -> None:
    found = cost(Part(range, lambda numbers: sum(n**2 for n in numbers), largest=9), CPU, timed=False)
    assert found.flops == 0 and found.seconds is not None and found.parameters == 0


def test_batches_grow_fourfold_to_the_largest() -> None:
    seen: list[int] = []
    cost(Part(lambda count: count, seen.append, [nn.Identity()], largest=40, smallest=2), CPU, timed=True)
    assert seen == [2, 2, 8, 32, 40]
