"""Depthwise convolutions that are trained in mixed precision on a CPU compute in float32.

There the backward pass of a depthwise convolution takes 5 to 8 times as long in bfloat16 as in float32 (PyTorch 2.14
with oneDNN, 5 x 5, 720 and 1,248 channels), which is most of what the last blocks of an EfficientNet take. Forward
passes of a finished or frozen model stay in bfloat16, which is the faster there.
"""

from functools import partial

import torch
from torch import Tensor, nn


def train_depthwise_in_float32(model: nn.Module) -> None:
    """Let the depthwise convolutions of a model compute in float32 while a CPU trains them."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.forward = partial(_forward, module)


def _forward(conv: nn.Conv2d, input: Tensor) -> Tensor:
    forward = type(conv).forward
    if not (conv.training and conv.weight.requires_grad and input.device.type == "cpu"):
        return forward(conv, input)
    with torch.autocast("cpu", enabled=False):
        return forward(conv, input.to(conv.weight.dtype))
