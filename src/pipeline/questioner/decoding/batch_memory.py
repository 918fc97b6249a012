"""How much memory a batch of images takes while texts about them are decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pipeline.execution.batch_memory import require_batch, tensor_bytes
from pipeline.questioner.decoding.tasks import Decoder, DecoderInput
from pipeline.questioner.model.vision import VisionTower
from pipeline.storage.boxes import FULL_IMAGE


@dataclass(frozen=True)
class BatchMemory:
    """Bytes of tensors that lie on the device together, found out from one image with one box and one text.

    image: an image's tokens. box: keys and values of what is seen of a box. text: those of a text's prompt.
    """

    image: int
    box: int
    text: int
    device: torch.device

    @staticmethod
    @torch.inference_mode()
    def of(decoder: Decoder, vision: VisionTower, prompt: Sequence[int]) -> BatchMemory:
        """The memory that a model's batches take; `prompt`: the shortest that it reads."""
        size = vision.encoder.preprocessing.size
        encoded = decoder.encode(vision, np.zeros((1, size, size, 3), np.uint8))
        cross = decoder.cross_keys_values(vision, encoded, [0], [FULL_IMAGE])
        state = decoder.state(DecoderInput(cross, [prompt], [0], [0], [[decoder.tokenizer.cls]]))
        return BatchMemory(encoded.nbytes, tensor_bytes(cross), tensor_bytes(state.layers), decoder.device)

    def require(self, images: int, boxes: int, texts: int, pictures: int, option: str) -> None:
        """Raise UserError if a batch takes more memory than there is.

        images, boxes, texts: how many. pictures: bytes of the decoded pictures. option: what chose the images.
        """
        on_device = images * self.image + boxes * self.box + texts * self.text
        found = f"{images:,} images with {boxes:,} boxes and {texts:,} texts in a batch"
        require_batch(pictures, on_device, self.device, option, found)
