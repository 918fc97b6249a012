"""Between what is collated and the shared encoder: nothing, or both unimodal encoders.

In the cached regime samples are stored tokens, and a tower passes them on. End to end samples are pixels and ids,
and a tower runs its encoder; or, where only its last blocks are trained, what reaches these was stored, and they alone
run. What of an encoder is not trained gets no gradient and keeps none; an encoder of which nothing is trained stays in
eval mode.

`EncodedImages` and `EncodedTexts` are pixels and ids with the face of stored tokens: what is not trained on tokens
but only measured (their statistics, validation) is the same code in both regimes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import torch
from torch import Tensor, nn

from pipeline.alignment.inputs.protocols import Images, Texts
from pipeline.alignment.model.layer_states import LayeredText
from pipeline.alignment.params import AlignParams
from pipeline.encoders.common.blocks import image_blocks, text_blocks
from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.encoders.image.token_grid import pool_tokens
from pipeline.training.grad_cache import autocast
from pipeline.training.prefetch import ahead

BATCH = 64
AHEAD = 8
"""Updates, or batches of pictures, that are decoded while others are encoded."""
IMAGE, TEXT = "train_encoders.image", "train_encoders.text"


class Towers(nn.Module):
    """The cached regime: what comes in are tokens."""

    def image(self, inputs: Tensor) -> Tensor:
        """Tokens [B, T, D] of what images are collated to."""
        return inputs

    def text(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Tokens [N, L, D] of what texts are collated to; mask: [N, L] bool."""
        return inputs


class EncoderTowers(Towers):
    """End to end: the encoders run, trained as `train_encoders` says. `stored`: see `stored_images`.

    Raises UserError if an encoder has fewer blocks than are to be trained, or does not show them.
    """

    def __init__(
        self,
        image: ImageEncoder,
        text: LayeredText,
        params: AlignParams,
        stored: int | None = None,
    ) -> None:
        super().__init__()
        trained, self.stored, self.precision = params.train_encoders, stored, params.training.precision
        self.image_encoder, self.text_encoder, self.grid = image, text, params.features.image_grid
        image.requires_grad_(trained.image == "all")
        if isinstance(trained.image, int):
            image_blocks(image.model, IMAGE).unfreeze_last(trained.image, IMAGE)
        text.requires_grad_(trained.text == "all")
        if isinstance(trained.text, int):
            text_blocks(text.encoder.model, TEXT).unfreeze_last(trained.text, TEXT)
        self.frozen = [encoder for encoder, share in ((image, trained.image), (text, trained.text)) if share is None]

    def image(self, inputs: Tensor) -> Tensor:
        """Tokens of pixels [B, S, S, 3] uint8, or of what was stored."""
        encoder = self.image_encoder
        if self.stored == 0:
            return inputs
        if self.stored:
            found = encoder.run_last(self.stored, inputs.to(next(encoder.parameters()).dtype))
        else:
            found = encoder(encoder.preprocessing.normalise(inputs))
        return pool_tokens(found, encoder, self.grid)

    def text(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Tokens of ids [N, L]."""
        return self.text_encoder(inputs, mask.long())

    def train(self, mode: bool = True) -> EncoderTowers:
        """Training mode, in which frozen encoders stay in eval mode."""
        super().train(mode)
        for encoder in self.frozen:
            encoder.eval()
        return self


def stored_images(params: AlignParams, encoder: ImageEncoder) -> int | None:
    """What of an image can be computed once: what reaches so many last blocks, 0 for its tokens; None: nothing.

    Nothing, if all blocks are trained, if images are cropped anew each time, or if the last blocks cannot run alone.
    Raises UserError if the encoder has fewer blocks, or does not show them.
    """
    blocks, features = params.train_encoders.image or 0, params.features
    if blocks == "all" or (features.crop_scale and not features.crops):
        return None
    if blocks:
        image_blocks(encoder.model, IMAGE).check(blocks, IMAGE)
    return blocks if blocks == 0 or encoder.runs_last_alone(blocks) else None


class EncodedImages:
    """Tokens of images by number, computed when asked for; nothing about them is random."""

    def __init__(self, images: Images, towers: EncoderTowers) -> None:
        self._images, self._towers = images, towers

    def __len__(self) -> int:
        return len(self._images)

    def views(self, number: int) -> int:
        """How many views of an image there are."""
        return self._images.views(number)

    @torch.no_grad()
    def get(self, numbers: Sequence[int], views: Sequence[int], draws: object = None) -> Tensor:
        """Tokens [N, T, D] float32 of images, each in the view asked for, on the CPU."""
        parts = [slice(start, start + BATCH) for start in range(0, len(numbers), BATCH)]
        device = device_of(self._towers)
        pictures = ahead(lambda part: self._images.get(numbers[part], views[part]), parts, AHEAD)
        with closing(pictures) as batches, autocast(self._towers.precision, device):
            return torch.cat([self._towers.image(batch.to(device)).float().cpu() for batch in batches])


class EncodedTexts:
    """Tokens of texts by number, computed when asked for. lengths: [texts], in tokens."""

    def __init__(self, texts: Texts, towers: EncoderTowers) -> None:
        self._texts, self._towers = texts, towers
        self.lengths = texts.lengths

    @torch.no_grad()
    def get(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Tokens [N, L, D] float32, padded to the longest, and mask [N, L] bool, on the CPU."""
        inputs, mask = self._texts.get(numbers)
        device = device_of(self._towers)
        with autocast(self._towers.precision, device):
            found = [
                self._towers.text(*(part.to(device) for part in parts)).float().cpu()
                for parts in zip(inputs.split(BATCH), mask.split(BATCH), strict=True)
            ]
        return torch.cat(found), mask


def device_of(module: nn.Module) -> torch.device:
    """Where a module's weights lie."""
    return next(module.parameters()).device
