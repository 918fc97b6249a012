"""The towers turn a collated batch into the unimodal encoders' tokens, which the shared encoder reads.

In the cached regime a batch already holds tokens, and the towers pass them on. End to end a batch holds pixels and
token ids, and the towers run the encoders; of the image encoder only the part that is not cached (`image_input.py`).
Frozen weights get no gradient; an encoder that is frozen as a whole stays in eval mode.

`EncodedImages` and `EncodedTexts` offer pixels and ids as if they were cached tokens, so that the tokens' statistics
and the validation are the same code in both regimes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import torch
from torch import Tensor, nn

from pipeline.alignment.inputs.image_input import TRAINED, ImageInput
from pipeline.alignment.inputs.protocols import Images, Texts
from pipeline.alignment.model.layer_states import LayeredText
from pipeline.alignment.params import AlignParams
from pipeline.core.parameters.bounds import Precision
from pipeline.encoders.common.blocks import image_blocks, text_blocks
from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.execution.ahead import ahead
from pipeline.execution.precision import autocast

BATCH = 64
AHEAD = 8
"""Updates, or batches of pictures, that are decoded while others are encoded."""
TRAINED_TEXT = "train_encoders.text"


class Towers(nn.Module):
    """The cached regime: a batch holds tokens."""

    def image(self, inputs: Tensor) -> Tensor:
        """Tokens [B, T, D] of images as they are collated."""
        return inputs

    def text(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Tokens [N, L, D] of texts as they are collated; mask: [N, L] bool."""
        return inputs


class EncoderTowers(Towers):
    """End to end: the encoders run, trained as `train_encoders` says.

    `image_input` says how much of the image encoder is cached. Raises UserError if an encoder has fewer blocks than are
    to be trained, or does not show them.
    """

    def __init__(self, image: ImageEncoder, text: LayeredText, params: AlignParams, image_input: ImageInput) -> None:
        super().__init__()
        trained = params.train_encoders
        self.precision: Precision = params.training.precision
        self.image_encoder, self.text_encoder = image, text
        self.image_input, self.grid = image_input, params.features.image_grid
        image.requires_grad_(trained.image == "all")
        if isinstance(trained.image, int):
            image_blocks(image.model, TRAINED).unfreeze_last(trained.image, TRAINED)
        text.requires_grad_(trained.text == "all")
        if isinstance(trained.text, int):
            text_blocks(text.encoder.model, TRAINED_TEXT).unfreeze_last(trained.text, TRAINED_TEXT)
        self.frozen = [encoder for encoder, share in ((image, trained.image), (text, trained.text)) if share is None]

    def image(self, inputs: Tensor) -> Tensor:
        """Tokens [B, T, D] of pixels [B, S, S, 3] uint8, or of what was cached."""
        return self.image_input.after_cut(self.image_encoder, inputs, self.grid)

    def text(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Tokens of ids [N, L]."""
        return self.text_encoder(inputs, mask.long())

    def train(self, mode: bool = True) -> EncoderTowers:
        """Training mode, in which frozen encoders stay in eval mode."""
        super().train(mode)
        for encoder in self.frozen:
            encoder.eval()
        return self


class EncodedImages:
    """Tokens of images by number, computed when asked for; nothing about them is random."""

    def __init__(self, images: Images, towers: EncoderTowers) -> None:
        self._images, self._towers = images, towers

    def __len__(self) -> int:
        return len(self._images)

    def crops(self, number: int) -> int:
        """How many crops of an image there are."""
        return self._images.crops(number)

    @torch.no_grad()
    def get(self, numbers: Sequence[int], crops: Sequence[int], rngs: object = None) -> Tensor:
        """Tokens [N, T, D] float32 of images, each in the crop asked for, on the CPU."""
        parts = [slice(start, start + BATCH) for start in range(0, len(numbers), BATCH)]
        device = device_of(self._towers)
        pictures = ahead(lambda part: self._images.get(numbers[part], crops[part]), parts, AHEAD)
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
            tokens = [
                self._towers.text(*(part.to(device) for part in parts)).float().cpu()
                for parts in zip(inputs.split(BATCH), mask.split(BATCH), strict=True)
            ]
        return torch.cat(tokens), mask


def device_of(module: nn.Module) -> torch.device:
    """The device that holds a module's weights."""
    return next(module.parameters()).device
