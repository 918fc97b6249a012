"""A small Vision Transformer with a convolutional stem.

Convolutions bring 96 x 96 pixels down to a grid of 6 x 6 tokens (early convolutions train far better than a
single patch projection at this size: Xiao et al. 2021); learned positions are added, and pre-norm
Transformer layers (Dosovitskiy et al. 2021) let the tokens see each other. There is no class token: every
token belongs to a place, so regions can be read off the grid. A model that was trained on classes keeps its
classifier, a linear map of the mean token.

The stem trains with batch norms and is used without: `fold_batch_norms` moves them into the convolutions,
after which training and evaluation compute the same.
"""

from dataclasses import asdict, dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class VitConfig:
    """Shape of the model.

    `stem` are the channels after each halving of the resolution, the last being `width`'s; `classes` is how many the
    classifier tells apart, 0 without one.
    """

    image_size: int = 96
    stem: tuple[int, ...] = (16, 48, 96)
    width: int = 160
    layers: int = 2
    heads: int = 5
    feed_forward: int = 480
    batch_norms: bool = False
    classes: int = 0

    @property
    def grid(self) -> int:
        """Tokens along one side."""
        return self.image_size >> (len(self.stem) + 1)

    def json(self) -> dict[str, object]:
        """Content of config.json; `from_json` reads it."""
        return {**asdict(self), "stem": list(self.stem)}

    @staticmethod
    def from_json(content: dict) -> "VitConfig":
        """Inverse of `json`."""
        return VitConfig(**{**content, "stem": tuple(content["stem"])})


class Convolution(nn.Module):
    """3 x 3 convolution, batch norm (while training the stem), ReLU; with a residual where nothing changes size."""

    def __init__(self, channels_in: int, channels: int, stride: int, batch_norms: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=not batch_norms)
        self.norm: nn.Module = nn.BatchNorm2d(channels) if batch_norms else nn.Identity()
        self.residual = stride == 1 and channels_in == channels

    def forward(self, pixels: Tensor) -> Tensor:
        """[B,C,H,W] to [B,channels,H/stride,W/stride]."""
        out = functional.relu(self.norm(self.convolution(pixels)))
        return pixels + out if self.residual else out


class VitLayer(nn.Module):
    """Pre-norm self-attention and feed-forward network."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, config.feed_forward)
        self.fc2 = nn.Linear(config.feed_forward, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B,N,D] to [B,N,D]."""
        query, key, value = self.qkv(self.norm1(tokens)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.proj(found.transpose(1, 2).flatten(2))
        return tokens + self.fc2(functional.gelu(self.fc1(self.norm2(tokens)), approximate="tanh"))


class Vit(nn.Module):
    """Pixels to tokens."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.config = config
        channels = [3, *config.stem]
        halvings = [Convolution(a, b, 2, config.batch_norms) for a, b in pairwise(channels)]
        mix = Convolution(channels[-1], channels[-1], 1, config.batch_norms)
        last = Convolution(channels[-1], config.width, 2, config.batch_norms)
        self.stem = nn.Sequential(*halvings, mix, last)
        self.positions = nn.Parameter(torch.randn(config.grid**2, config.width) * 0.02)
        self.layers = nn.ModuleList(VitLayer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        if config.classes:
            self.head = nn.Linear(config.width, config.classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [B,3,S,S] to tokens [B,grid²,D], row by row."""
        tokens = self.stem(pixels).flatten(2).transpose(1, 2) + self.positions
        for layer in self.layers:
            tokens = layer(tokens)
        return self.norm(tokens)

    def forward_head(self, tokens: Tensor) -> Tensor:
        """Logits [B,classes] of tokens [B,grid²,D]; only of a model with classes."""
        return self.head(tokens.mean(dim=1))


def fold_batch_norms(model: Vit) -> Vit:
    """The same function without batch norms, their running statistics multiplied into the convolutions."""
    folded = Vit(replace(model.config, batch_norms=False))
    state = {name: tensor for name, tensor in model.state_dict().items() if ".norm." not in name or "layers" in name}
    for index, block in enumerate(model.stem):
        assert isinstance(block, Convolution)
        norm = block.norm
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        state[f"stem.{index}.convolution.weight"] = block.convolution.weight * scale[:, None, None, None]
        state[f"stem.{index}.convolution.bias"] = norm.bias - norm.running_mean * scale
    folded.load_state_dict({name: tensor.detach() for name, tensor in state.items()})
    return folded.train(model.training)
