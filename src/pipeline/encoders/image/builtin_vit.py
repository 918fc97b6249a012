"""The image encoder that ships with the package, `builtin:vit`, as a model of timm.

A Vision Transformer (Dosovitskiy et al. 2021) behind a convolutional stem: convolutions bring 96 x 96 pixels down to a
grid of 6 x 6 tokens (early convolutions train far better than a single patch projection at this size: Xiao et al.
2021), learned positions are added, and two pre-norm blocks let the tokens see each other. There is no class token:
every token belongs to a place, so regions can be read off the grid. A model that was trained on classes keeps its
classifier, a linear map of the mean token.

The stem trains with batch norms and is used without: `fold_batch_norms` moves them into the convolutions, after which
training and evaluation compute the same. Importing this module registers the model with timm.
"""

import copy
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from timm.layers.hybrid_embed import HybridEmbed
from timm.models import build_model_with_cfg, register_model
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

PACKAGED = ("../weights/vit",)
default_cfgs = {
    "builtin_vit": {
        "input_size": (3, 96, 96),
        "interpolation": "bilinear",
        "mean": (0.5, 0.5, 0.5),
        "std": (0.25, 0.25, 0.25),
        "num_classes": 0,
        "classifier": "head",
    }
}
"""What timm knows of the model; timm reads it under this name."""


class Convolution(nn.Module):
    """3 x 3 convolution, batch norm (while training the stem), ReLU; with a residual where nothing changes size."""

    def __init__(self, channels_in: int, channels: int, stride: int, batch_norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=not batch_norm)
        self.norm: nn.Module = nn.BatchNorm2d(channels) if batch_norm else nn.Identity()
        self.residual = stride == 1 and channels_in == channels

    def forward(self, pixels: Tensor) -> Tensor:
        """[B,C,H,W] to [B,channels,H/stride,W/stride]."""
        out = functional.relu(self.norm(self.conv(pixels)))
        return pixels + out if self.residual else out


def conv_stem(channels: Sequence[int], width: int, batch_norm: bool) -> nn.Sequential:
    """Halving convolutions of so many channels, a residual one, and a halving one to the tokens' width."""
    sizes = [3, *channels]
    halvings = [Convolution(a, b, 2, batch_norm) for a, b in pairwise(sizes)]
    residual = Convolution(sizes[-1], sizes[-1], 1, batch_norm)
    return nn.Sequential(*halvings, residual, Convolution(sizes[-1], width, 2, batch_norm))


@register_model
def builtin_vit(
    pretrained: bool = False,
    stem: Sequence[int] = (16, 48, 96),
    embed_dim: int = 160,
    batch_norm: bool = False,
    **options: Any,
) -> VisionTransformer:
    """The model; `stem`: channels after each halving but the last. `options`: arguments of timm's VisionTransformer."""
    shape: dict[str, Any] = {"img_size": 96, "depth": 2, "num_heads": 5, "mlp_ratio": 3.0}
    return build_model_with_cfg(
        VisionTransformer,
        builtin_vit.__name__,
        pretrained,
        pretrained_filter_fn=checkpoint_filter_fn,
        embed_layer=partial(HybridEmbed, backbone=conv_stem(stem, embed_dim, batch_norm), proj=False),
        patch_size=1,
        embed_dim=embed_dim,
        class_token=False,
        global_pool="avg",
        fc_norm=False,
        norm_layer=nn.LayerNorm,
        act_layer="gelu_tanh",
        weight_init="reset",
        **{**shape, **options},
    )


def fold_batch_norms(model: VisionTransformer) -> VisionTransformer:
    """A copy in evaluation mode that computes the same without batch norms."""
    folded = copy.deepcopy(model).eval()
    for module in folded.modules():
        if isinstance(module, Convolution) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv, module.norm = fuse_conv_bn_eval(module.conv, module.norm), nn.Identity()
    return folded
