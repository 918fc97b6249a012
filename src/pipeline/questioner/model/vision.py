"""From pictures to what sequences look at, whatever the region cue and whether the encoder is trained.

Pictures come as 8-bit pixels [I,S,S,3], or as tokens [I,N,W] that the frozen encoder gave them earlier.
"""

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.encoders.bert.layers import KeysValues
from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.region_prompt import PixelCue


class Sight(nn.Module):
    """The image encoder and the questioner's view of its tokens.

    The encoder belongs to the state (and to the checkpoint) only if it is trained. `pixel_cue` draws boxes into the
    pictures; otherwise the questioner's own cue, if it has one, marks them on the tokens.
    """

    def __init__(self, encoder: ImageEncoder, trained: bool, pixel_cue: bool) -> None:
        super().__init__()
        self.trained = trained
        self.pixel_cue = PixelCue() if pixel_cue else None
        self.trained_encoder = encoder if trained else None
        # In a tuple the module stays out of the state.
        self._encoder = (encoder,)
        if not trained:
            encoder.requires_grad_(False).eval()

    @property
    def encoder(self) -> ImageEncoder:
        """The image encoder."""
        return self._encoder[0]

    def encode(self, images: Tensor) -> Tensor:
        """What `seen` needs of pictures: their tokens [I,N,W], or the 8-bit pixels if boxes are drawn into them."""
        if images.dtype != torch.uint8 or self.pixel_cue is not None:
            return images
        with torch.set_grad_enabled(self.trained and torch.is_grad_enabled()):
            return self.placed(images)(normalised(self.encoder, images, images.device))

    def seen(self, model: Questioner, encoded: Tensor, image_of_row: Tensor, boxes: Tensor) -> Tensor:
        """What each row's sequences look at [R,M,D]: box [R,4] of image `image_of_row` [R] of `encode`'s result."""
        return model.see(*self.adapted(model, encoded, image_of_row, boxes), boxes)

    def look(self, model: Questioner, encoded: Tensor, image_of_row: Tensor, boxes: Tensor) -> list[KeysValues]:
        """Keys and values of what `seen` gives, for every layer of the text model."""
        return model.look_at(*self.adapted(model, encoded, image_of_row, boxes), boxes)

    def adapted(self, model: Questioner, encoded: Tensor, image_of_row: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Adapted tokens [I,N,D], and which of them each row looks at: its image's, or those of its own drawing."""
        if self.pixel_cue is None:
            return model.adapt(encoded), image_of_row
        pixels = self.pixel_cue(normalised(self.encoder, encoded[image_of_row], encoded.device), boxes)
        return model.adapt(self.placed(encoded)(pixels)), torch.arange(len(boxes), device=boxes.device)

    def placed(self, images: Tensor) -> ImageEncoder:
        """The encoder, moved to where the pictures are."""
        return self.encoder.to(images.device)


def normalised(encoder: ImageEncoder, pixels: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """Encoder input of 8-bit pixels [B,S,S,3], in the precision of its weights."""
    precision = next((parameter.dtype for parameter in encoder.parameters()), torch.float32)
    return encoder.preprocessing.normalise(torch.as_tensor(pixels).to(device)).to(precision)
