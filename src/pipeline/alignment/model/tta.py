"""Test-time augmentation: an image's embedding as the mean over the image, five crops of it, and their mirror images.

The crops are the corners and the centre, enlarged to the image's size; with the mirror images these are the ten crops
of Krizhevsky et al. 2012. An encoder trained on random crops has seen things larger than they are in whole images
(Touvron et al. 2019, "Fixing the train-test resolution discrepancy"), whereas a caption describes the whole image. So
the whole image weighs as much as its five crops together.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from pipeline.alignment.model.params import FeatureParams


def augmented(pixels: Tensor, features: FeatureParams) -> list[tuple[float, Tensor]]:
    """Images [B, 3, S, S] and the augmented copies that the parameters ask for, each with its weight in the mean."""
    images = [(1.0, pixels)]
    if features.tta.five_crop:
        crops = five_crops(pixels, features.tta.five_crop)
        images += [(1 / len(crops), crop) for crop in crops]
    return images + [(weight, image.flip(-1)) for weight, image in images] if features.tta.hflip else images


def five_crops(pixels: Tensor, share: float) -> list[Tensor]:
    """Corners and centre of images [B, 3, S, S], `share` of each side, each [B, 3, S, S]."""
    side = pixels.shape[-1]
    crop = round(side * share)
    far, middle = side - crop, (side - crop) // 2
    corners = [(upper, left) for upper in (0, far) for left in (0, far)]
    return [
        functional.interpolate(
            pixels[..., upper : upper + crop, left : left + crop], size=(side, side), mode="bilinear"
        )
        for upper, left in (*corners, (middle, middle))
    ]
