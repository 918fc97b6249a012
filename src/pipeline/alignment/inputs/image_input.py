"""How much of the image encoder is cached: nothing, its tokens, or the input of its last n blocks.

Training cuts the image encoder in two. The part before the cut gives the same numbers at every update, so it runs once
per image and its output is cached (`image_tokens.py`). The part after the cut runs at every update (`towers.py`).

    cut              cached, per image                 runs at every update
    Pixels           nothing                           the whole encoder
    Activations(n)   the input of the last n blocks    the last n blocks
    Tokens           its tokens                        nothing

Both parts together give the encoder's tokens, averaged to `grid` × `grid` (None: as they are).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pipeline.alignment.params import AlignParams
from pipeline.encoders.common.blocks import image_blocks
from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.encoders.image.token_grid import pool_tokens

TRAINED = "train_encoders.image"


@dataclass(frozen=True)
class Pixels:
    """Nothing is cached: images are decoded, and the whole encoder runs, at every update."""

    def after_cut(self, encoder: ImageEncoder, inputs: Tensor, grid: int | None) -> Tensor:
        """Tokens [B, T, D] of 8-bit pixels [B, S, S, 3]."""
        return pool_tokens(encoder(encoder.preprocessing.normalise(inputs)), encoder, grid)


@dataclass(frozen=True)
class Tokens:
    """The tokens are cached: the encoder no longer runs."""

    def before_cut(self, encoder: ImageEncoder, pixels: Tensor, grid: int | None) -> Tensor:
        """What is cached, [B, T, D], of normalised pixels [B, 3, S, S]."""
        return pool_tokens(encoder(pixels), encoder, grid)

    def after_cut(self, encoder: ImageEncoder, inputs: Tensor, grid: int | None) -> Tensor:
        """Tokens [B, T, D] of what was cached: the same."""
        return inputs

    def __str__(self) -> str:
        return "tokens"


@dataclass(frozen=True)
class Activations:
    """The input of the last blocks is cached: they alone run at every update."""

    last_blocks: int

    def before_cut(self, encoder: ImageEncoder, pixels: Tensor, grid: int | None) -> Tensor:
        """What is cached, [B, …], of normalised pixels [B, 3, S, S]; not yet averaged to the grid."""
        return encoder.states_before(self.last_blocks, pixels)

    def after_cut(self, encoder: ImageEncoder, inputs: Tensor, grid: int | None) -> Tensor:
        """Tokens [B, T, D] of what was cached, [B, …]."""
        inputs = inputs.to(next(encoder.parameters()).dtype)
        return pool_tokens(encoder.run_last(self.last_blocks, inputs), encoder, grid)

    def __str__(self) -> str:
        return f"inputs of the last {self.last_blocks} blocks"


CachedInput = Tokens | Activations
ImageInput = Pixels | CachedInput


def choose_image_input(params: AlignParams, encoder: ImageEncoder) -> ImageInput:
    """The cut that caches most.

    Nothing can be cached if all blocks are trained, if images are cropped anew each time, or if the last blocks cannot
    run alone. Raises UserError if the encoder has fewer blocks than are to be trained, or does not show them.
    """
    trained, features = params.train_encoders.image, params.features
    if trained == "all" or (features.crop_scale and not features.cached_crops):
        return Pixels()
    if trained is None:
        return Tokens()
    image_blocks(encoder.model, TRAINED).check(trained, TRAINED)
    return Activations(trained) if encoder.runs_last_alone(trained) else Pixels()
