"""Image encoders by name, behind one interface: normalised pixels in, tokens out.

`timm:<model>` takes any model of timm (`pipeline.encoders.image.timm_model`); `builtin:vit`, the small one that ships
with the package, is one as well. Weights are never replaced by random ones unless the parameters say `weights:
random`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.core.errors import UserError
from pipeline.encoders.common.blocks import image_blocks
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.common.resolve import ResolvedEncoder, resolve
from pipeline.encoders.image.depthwise import train_depthwise_in_float32
from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.encoders.image.timm_model import load_timm

RANDOM_SEED = 0


class ImageEncoder(nn.Module):
    """An image encoder.

    dim: width of a token. grid: rows and columns of the tokens that belong to places. prefix_tokens: tokens
    before those (class token, registers). preprocessing: how pictures become its input.
    """

    def __init__(
        self, model: nn.Module, prefix_tokens: int, preprocessing: Preprocessing, resolved: ResolvedEncoder
    ) -> None:
        super().__init__()
        train_depthwise_in_float32(model)
        self.model = model
        self.prefix_tokens = prefix_tokens
        self.preprocessing = preprocessing
        self._resolved = resolved
        self.layout = torch.contiguous_format
        self.eval()
        with torch.no_grad():
            features = self._features(torch.zeros(1, 3, preprocessing.size, preprocessing.size))
        if features.ndim == 4:
            # Convolutions run faster with a pixel's channels side by side.
            self.layout = torch.channels_last
        self.dim = features.shape[-1]
        self.grid = self._grid(features)

    @property
    def weights_hash(self) -> str:
        """Digest of the weights that it was loaded with."""
        return self._resolved.digest

    def forward(self, pixels: Tensor) -> Tensor:
        """Tokens [B,N,dim] of normalised pixels [B,3,S,S]: `prefix_tokens`, then the grid row by row."""
        return flat(self._features(pixels))

    def require_class_token(self, where: str, fix: str) -> None:
        """Raise UserError, naming the parameter `where`, unless the first token is a class token."""
        if getattr(self.model, "cls_token", None) is None:
            name = self._resolved.params.name
            raise UserError(f"The image encoder '{name}' has no class token.", where=where, fix=fix)

    def states_before(self, blocks: int, pixels: Tensor) -> Tensor:
        """Input [B,…] of the last blocks, of normalised pixels. Raises UserError if the model hides its blocks."""
        return image_blocks(self.model, "blocks").states_before(blocks, lambda: self._model_features(pixels))

    def run_last(self, blocks: int, states: Tensor) -> Tensor:
        """The tokens that `forward` gives, from what `states_before` gave, by the last blocks alone."""
        states = states.contiguous(memory_format=self.layout) if states.ndim == 4 else states
        return flat(self._channels_last(image_blocks(self.model, "blocks").run_last(blocks, states)))

    def runs_last_alone(self, blocks: int) -> bool:
        """Whether `run_last` gives what `forward` does; not where blocks are told more than the states before them."""
        size = self.preprocessing.size
        pixels = torch.linspace(-1, 1, 3 * size * size).reshape(1, 3, size, size)
        with torch.no_grad():
            try:
                return torch.equal(self.run_last(blocks, self.states_before(blocks, pixels)), self(pixels))
            except TypeError:
                return False

    def mean_pool(self, tokens: Tensor) -> Tensor:
        """Mean [B,dim] of the tokens that belong to places."""
        return tokens[:, self.prefix_tokens :].mean(dim=1)

    def class_probabilities(self, pixels: Tensor) -> Tensor:
        """Softmax [B,classes] of the model's own classifier on normalised pixels [B,3,S,S].

        Only of an encoder that was loaded with its classifier.
        """
        head: Any = self.model.forward_head
        return head(self._model_features(pixels)).softmax(dim=1)

    def train(self, mode: bool = True) -> "ImageEncoder":
        """Training mode, in which batch norms keep their pretrained statistics."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    def _features(self, pixels: Tensor) -> Tensor:
        """[B,N,D], or [B,H,W,D] of a model with a feature map."""
        return self._channels_last(self._model_features(pixels))

    def _channels_last(self, features: Tensor) -> Tensor:
        """A feature map with its channels last, whatever the model's own layout; tokens as they are."""
        if features.ndim == 4 and getattr(self.model, "output_fmt", "NCHW") != "NHWC":
            features = features.permute(0, 2, 3, 1)
        return features

    def _model_features(self, pixels: Tensor) -> Tensor:
        """Output of the model itself: tokens, or a feature map in its own layout."""
        features: Callable[[Tensor], Tensor] = getattr(self.model, "forward_features", self.model)
        return features(pixels.contiguous(memory_format=self.layout))

    def _grid(self, features: Tensor) -> tuple[int, int]:
        if features.ndim == 4:
            return features.shape[1], features.shape[2]
        embedding = getattr(self.model, "patch_embed", None)
        rows, columns = getattr(embedding, "grid_size", None) or _square(features.shape[1] - self.prefix_tokens)
        return rows, columns


def flat(features: Tensor) -> Tensor:
    """Tokens [B,N,D] of a feature map [B,H,W,D]; tokens as they are."""
    return features.flatten(1, 2) if features.ndim == 4 else features


def _square(tokens: int) -> tuple[int, int]:
    side = round(tokens**0.5)
    return (side, side) if side * side == tokens else (1, tokens)


def load_image_encoder(params: ImageEncoderParams, root: Path, classifier: bool = False) -> ImageEncoder:
    """The image encoder that the parameters name, with or without its classifier; their paths start at `root`.

    Raises UserError if the name is unknown, the weights are missing, do not fit or lack the classifier, or if an
    option is wrong.
    """
    resolved = resolve(params, root)
    with torch.random.fork_rng(devices=[]):
        # Decides the values of an encoder that is to be random; weights overwrite it in any other.
        torch.manual_seed(RANDOM_SEED)
        model, preprocessing = load_timm(params, resolved, classifier)
    if params.blocks is not None:
        image_blocks(model, "blocks").truncate(params.blocks, "blocks")
    try:
        return ImageEncoder(model, int(getattr(model, "num_prefix_tokens", 0)), preprocessing, resolved)
    except (AssertionError, RuntimeError) as error:
        raise UserError(
            f"The image encoder '{params.name}' cannot read images of this size.",
            where="image_size",
            found=f"{preprocessing.size} pixels: {error}",
            fix="leave image_size at null, or tell the model its size too, with `options: {img_size: …}`",
        ) from None
