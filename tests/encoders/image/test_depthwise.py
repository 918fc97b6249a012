"""Depthwise convolutions in mixed precision: float32 where a CPU trains them, bfloat16 elsewhere."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from pipeline.encoders.image.depthwise import train_depthwise_in_float32


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 8, 1))
    train_depthwise_in_float32(model)
    return model


def first(model: nn.Sequential) -> nn.Conv2d:
    layer = model[0]
    assert isinstance(layer, nn.Conv2d)
    return layer


def run(model: nn.Sequential, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.autocast("cpu", torch.bfloat16):
        depthwise = model[0](pixels)
        return depthwise, model[1](depthwise)


def test_trained_ones_compute_in_float32(model: nn.Sequential) -> None:
    pixels = torch.randn(2, 8, 6, 6)
    depthwise, pointwise = run(model, pixels)
    assert (depthwise.dtype, pointwise.dtype) == (torch.float32, torch.bfloat16)
    plain = nn.Conv2d(8, 8, 3, groups=8)
    plain.load_state_dict(first(model).state_dict())
    assert torch.equal(depthwise, plain(pixels))
    depthwise.square().sum().backward()
    plain(pixels).square().sum().backward()
    mine = first(model).weight.grad
    assert mine is not None
    assert plain.weight.grad is not None
    assert torch.equal(mine, plain.weight.grad)


def test_frozen_and_finished_ones_compute_in_bfloat16(model: nn.Sequential) -> None:
    pixels = torch.randn(2, 8, 6, 6)
    assert run(model.eval(), pixels)[0].dtype == torch.bfloat16
    assert run(model.train().requires_grad_(False), pixels)[0].dtype == torch.bfloat16


def test_a_copy_computes_with_its_own_weights(model: nn.Sequential) -> None:
    other = deepcopy(model)
    nn.init.zeros_(first(other).weight)
    first(other).bias = None
    pixels = torch.randn(2, 8, 6, 6)
    assert run(other, pixels)[0].abs().sum() == 0
    assert run(model, pixels)[0].abs().sum() > 0
