"""The vision tower: from images to the keys and values that the text model's cross-attention reads.

Images come as 8-bit pixels [I,S,S,3], or as what the frozen part of the encoder computed of them earlier
(`before_cut`): tokens [I,N,W] of an encoder that is frozen as a whole, or the input [I,…] of its last blocks, if these
are trained. The tower runs the rest of the image encoder, and then the questioner's adapter and region prompt. With the
region prompt `mask_channel` boxes are drawn into the images, so the encoder runs once per box; otherwise it runs once
per image, whatever the number of boxes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.encoders.bert.layers import KeysValues
from pipeline.encoders.common.blocks import image_blocks
from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.questioner.model.params import TrainedBlocks
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.region_prompt import MaskChannel

TRAINED = "model.train_image_encoder"


class VisionTower(nn.Module):
    """The image encoder, and the mask channel if boxes are drawn into the images (`mask_channel`).

    trained: all of the encoder, nothing, or its last blocks. The encoder is part of the state (and of the checkpoint)
    only if it is trained or `own`: trained earlier, so that no published file holds its weights. Raises UserError if it
    has fewer blocks than are to be trained, or does not show them. `has_frozen_part`: a part of the encoder gives the
    same numbers at every update, so that its output can be kept.
    """

    def __init__(self, encoder: ImageEncoder, trained: TrainedBlocks, mask_channel: bool, own: bool = False) -> None:
        super().__init__()
        self.trained = trained
        self.mask_channel = MaskChannel() if mask_channel else None
        self.trained_encoder = encoder if trained or own else None
        # A tuple hides the module from torch, so a frozen encoder stays out of the state.
        self._encoder = (encoder,)
        if trained is not True:
            encoder.requires_grad_(False).eval()
        if self.last_blocks:
            image_blocks(encoder.model, TRAINED).unfreeze_last(self.last_blocks, TRAINED)
        # Asked here, where encoder and trial picture lie on the same device.
        cut = not self.last_blocks or encoder.runs_last_alone(self.last_blocks)
        self.has_frozen_part = trained is not True and not mask_channel and cut

    @property
    def last_blocks(self) -> int:
        """How many of the encoder's last blocks are trained; 0 if nothing or all of it is."""
        return 0 if isinstance(self.trained, bool) else self.trained

    def before_cut(self, images: np.ndarray | Tensor, device: torch.device) -> Tensor:
        """What can be kept of 8-bit pixels [I,S,S,3], float32; see the module's docstring."""
        encoder = self.encoder.to(device)
        pixels = normalised(encoder, images, device)
        kept = encoder.states_before(self.last_blocks, pixels) if self.last_blocks else encoder(pixels)
        return kept.float()

    @property
    def encoder(self) -> ImageEncoder:
        """The image encoder."""
        return self._encoder[0]

    def encode(self, images: Tensor) -> Tensor:
        """What `cross_keys_values` needs of images: their tokens [I,N,W].

        Tokens, and pixels into which boxes are yet to be drawn, are returned as they are.
        """
        if self.mask_channel is not None or (images.dtype != torch.uint8 and not self.last_blocks):
            return images
        encoder = self._encoder_beside(images)
        with torch.set_grad_enabled(bool(self.trained) and torch.is_grad_enabled()):
            if images.dtype != torch.uint8:
                return encoder.run_last(self.last_blocks, images)
            return encoder(normalised(encoder, images, images.device))

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
