"""The vision tower: from images to the keys and values that the text model's cross-attention reads.

Images come as 8-bit pixels [I,S,S,3], or as tokens [I,N,W] that the frozen encoder computed earlier. The tower runs the
image encoder, and then the questioner's adapter and region prompt. With the region prompt `mask_channel` boxes are
drawn into the images, so the encoder runs once per box; otherwise it runs once per image, whatever the number of boxes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.encoders.bert.layers import KeysValues
from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.region_prompt import MaskChannel


class VisionTower(nn.Module):
    """The image encoder, and the mask channel if boxes are drawn into the images (`mask_channel`).

    The encoder is part of the state (and of the checkpoint) only if it is trained.
    """

    def __init__(self, encoder: ImageEncoder, trained: bool, mask_channel: bool) -> None:
        super().__init__()
        self.trained = trained
        self.mask_channel = MaskChannel() if mask_channel else None
        self.trained_encoder = encoder if trained else None
        # A tuple hides the module from torch, so a frozen encoder stays out of the state.
        self._encoder = (encoder,)
        if not trained:
            encoder.requires_grad_(False).eval()

    @property
    def encoder(self) -> ImageEncoder:
        """The image encoder."""
        return self._encoder[0]

    def encode(self, images: Tensor) -> Tensor:
        """What `cross_keys_values` needs of images: their tokens [I,N,W].

        Tokens, and pixels into which boxes are yet to be drawn, are returned as they are.
        """
        if images.dtype != torch.uint8 or self.mask_channel is not None:
            return images
        with torch.set_grad_enabled(self.trained and torch.is_grad_enabled()):
            return self._encoder_beside(images)(normalised(self.encoder, images, images.device))

    def cross_keys_values(
        self, questioner: Questioner, encoded: Tensor, image_of_row: Tensor, boxes: Tensor
    ) -> list[KeysValues]:
        """Cross-attention keys and values of every layer, for each row.

        Row r looks at box `boxes` [R,4] of image `image_of_row` [R]; `encoded` is the result of `encode`.
        """
        return questioner.cross_keys_values(*self.adapted_tokens(questioner, encoded, image_of_row, boxes), boxes)

    def adapted_tokens(
        self, questioner: Questioner, encoded: Tensor, image_of_row: Tensor, boxes: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Adapted tokens [I,N,D], and the index of each row's image among them.

        Where boxes are drawn into the images, each row has an image of its own.
        """
        if self.mask_channel is None:
            return questioner.adapt(encoded), image_of_row
        pixels = self.mask_channel(normalised(self.encoder, encoded[image_of_row], encoded.device), boxes)
        return questioner.adapt(self._encoder_beside(encoded)(pixels)), torch.arange(len(boxes), device=boxes.device)

    def _encoder_beside(self, images: Tensor) -> ImageEncoder:
        """The encoder, moved to the images' device."""
        return self.encoder.to(images.device)


def normalised(encoder: ImageEncoder, pixels: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """Encoder input of 8-bit pixels [B,S,S,3], in the precision of its weights."""
    precision = next((parameter.dtype for parameter in encoder.parameters()), torch.float32)
    return encoder.preprocessing.normalise(torch.as_tensor(pixels).to(device)).to(precision)
