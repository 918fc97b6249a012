"""The towers turn a collated batch into the unimodal encoders' tokens, which the shared encoder reads.

A batch holds ids of texts, and of images what is cached of them, or pixels. The text encoder always runs, since texts
are made when they are drawn; of the image encoder only the part that is not cached (`image_input.py`), which is nothing
where it is frozen. Frozen weights get no gradient; an encoder that is frozen as a whole stays in eval mode.

`EncodedImages` and `encode_texts` give tokens on the CPU for what happens beside the updates: the tokens' statistics
and the validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.alignment.inputs.image_input import TRAINED, ImageInput
from pipeline.alignment.inputs.images import Images
from pipeline.alignment.inputs.text_ids import CHUNKS, text_chunks
from pipeline.alignment.model.layer_states import LayeredText
from pipeline.alignment.params import AlignParams
from pipeline.core.parameters.bounds import Precision
from pipeline.encoders.common.blocks import image_blocks, text_blocks
from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.execution.ahead import ahead
from pipeline.execution.precision import autocast

BATCH = 64
AHEAD = 8
"""Batches of pictures that are decoded while others are encoded."""
TRAINED_TEXT = "train_encoders.text"


class Towers(nn.Module):
    """Both encoders, trained as `train_encoders` says; one that is frozen as a whole is no part of the module's state.

    `image_input` says how much of the image encoder is cached. Raises UserError if an encoder has fewer blocks than are
    to be trained, or does not show them.
    """

    def __init__(self, image: ImageEncoder, text: LayeredText, params: AlignParams, image_input: ImageInput) -> None:
        super().__init__()
        trained = params.train_encoders
        self.precision: Precision = params.training.precision
        self.image_input, self.grid = image_input, params.features.image_grid
        image.eval().requires_grad_(trained.image == "all")
        if isinstance(trained.image, int):
            image_blocks(image.model, TRAINED).unfreeze_last(trained.image, TRAINED)
        text.eval().requires_grad_(trained.text == "all")
        if isinstance(trained.text, int):
            text_blocks(text.encoder.model, TRAINED_TEXT).unfreeze_last(trained.text, TRAINED_TEXT)
        # What stands in a tuple is not registered: neither stored in checkpoints nor switched to training mode.
        self.encoders = image, text
        if trained.image is not None:
            self.image_encoder = image
        if trained.text is not None:
            self.text_encoder = text

    @property
    def device(self) -> torch.device:
        """The device that holds the encoders."""
        return next(self.encoders[1].parameters()).device

    def image(self, inputs: Tensor) -> Tensor:
        """Tokens [B, T, D] of pixels [B, S, S, 3] uint8, or of what was cached."""
        return self.image_input.after_cut(self.encoders[0], inputs, self.grid)

    def text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Tokens [N, L, D] of ids and mask [N, L]."""
        return self.encoders[1](ids, mask.long())


class EncodedImages:
    """Tokens of images by number, computed when asked for; nothing about them is random."""

    def __init__(self, images: Images, towers: Towers) -> None:
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
        device = self._towers.device
        pictures = ahead(lambda part: self._images.get(numbers[part], crops[part]), parts, AHEAD)
        with closing(pictures) as batches, autocast(self._towers.precision, device):
            return torch.cat([self._towers.image(batch.to(device)).float().cpu() for batch in batches])


@torch.no_grad()
def encode_texts(towers: Towers, texts: Sequence[str]) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
    """Tokens of texts in batches: which texts [N], their tokens [N, L, D] float32 and mask [N, L] bool, on the CPU."""
    for start in range(0, len(texts), CHUNKS * BATCH):
        order, chunks = text_chunks(towers.encoders[1].encoder, texts[start : start + CHUNKS * BATCH])
        done = 0
        for ids, mask in chunks:
            with autocast(towers.precision, towers.device):
                tokens = towers.text(ids.to(towers.device), mask.to(towers.device)).float().cpu()
            yield start + order[done : done + len(ids)], tokens, mask
            done += len(ids)
