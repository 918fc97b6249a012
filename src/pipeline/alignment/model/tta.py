"""Views of an image over whose embeddings the finished model averages.

The image as it is; five crops of it, corners and centre, brought back to its size; and the mirror image of each. With
all of them these are the ten crops of Krizhevsky et al. 2012, and the whole image beside them. An encoder trained on
random crops has seen things larger than they are in whole images (Touvron et al. 2019, "Fixing the train-test
resolution discrepancy"); the whole image is what a caption describes. It weighs as much as its crops together.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from pipeline.alignment.model.params import FeatureParams


def views(pixels: Tensor, features: FeatureParams) -> list[tuple[float, Tensor]]:
    """Images [B, 3, S, S] themselves, and the views of them that the parameters ask for, each with its weight."""
    found = [(1.0, pixels)]
    if features.crop_average:
        crops = five_crops(pixels, features.crop_average)
        found += [(1 / len(crops), crop) for crop in crops]
    return found + [(weight, view.flip(-1)) for weight, view in found] if features.mirror_average else found


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
