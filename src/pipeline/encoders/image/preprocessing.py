"""From an encoded picture to an encoder's input, in two steps that may be far apart in time.

`pixels` decodes nothing but the needed resolution (JPEG's own downscaling, to no less than twice the
target), resizes with antialiasing and returns 8-bit pixels, which are small enough to keep. `normalise`
turns a batch of them into the floating-point input. Features that are stored carry `fingerprint`, so that
features made with different preprocessing never meet unnoticed.
"""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from pipeline.core.files import hash_json
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.storage.images import decode_image, upright_rgb

if TYPE_CHECKING:
    from torch import Tensor

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
DRAFT_FACTOR = 2
"""A JPEG may be decoded at a reduced size if that is still this many times the target (both sides)."""


@dataclass(frozen=True)
class Preprocessing:
    """How pictures become inputs: square of `size` pixels, `mean` and `std` per channel in units of 0 to 1."""

    size: int
    resize: Literal["squash", "crop"] = "squash"
    interpolation: str = "bilinear"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def changed(self, params: ImageEncoderParams) -> "Preprocessing":
        """With what the parameters say in place of the model's own configuration."""
        mean, std = params.mean or self.mean, params.std or self.std
        return replace(
            self,
            size=params.image_size or self.size,
            resize=params.resize,
            interpolation=params.interpolation or self.interpolation,
            mean=(mean[0], mean[1], mean[2]),
            std=(std[0], std[1], std[2]),
        )

    def fingerprint(self) -> str:
        """Digest of everything that decides the input's values."""
        return hash_json({**asdict(self), "draft_factor": DRAFT_FACTOR})

    def decode(self, data: bytes, where: object = "") -> np.ndarray:
        """Pixels of an encoded picture, uint8 [size,size,3]. Raises UserError if it is not a picture."""
        return self.pixels(decode_image(data, where, DRAFT_FACTOR * self.size))

    def pixels(self, image: Image.Image) -> np.ndarray:
        """Pixels of a picture, uint8 [size,size,3]; it is prepared as the fetch stages do (`storage/images.py`)."""
        image = upright_rgb(image)
        if image.size == (self.size, self.size):
            return np.array(image)
        if self.resize == "crop":
            image = image.crop(centre_square(*image.size))
        return np.array(image.resize((self.size, self.size), FILTERS[self.interpolation]))

    def normalise(self, pixels: "np.ndarray | Tensor") -> "Tensor":
        """Encoder input, float32 [B,3,H,W], from uint8 pixels [B,H,W,3]; on the device of `pixels`."""
        import torch

        batch = torch.as_tensor(pixels).permute(0, 3, 1, 2).float()
        mean = torch.tensor(self.mean, device=batch.device)[:, None, None] * 255
        std = torch.tensor(self.std, device=batch.device)[:, None, None] * 255
        return (batch - mean) / std


def centre_square(width: int, height: int) -> tuple[int, int, int, int]:
    """The largest centred square of a picture, as left, upper, right, lower."""
    side = min(width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side
