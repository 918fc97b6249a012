"""Boxes from torchvision's Faster R-CNN, with the user's own file of weights.

The model scales and normalises its input itself, so it gets plain values in [0, 1]; normalising before, as JADE's
script does, would shift the input twice. Of the boxes that its own non-maximum suppression leaves, the best by score
are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.transforms.functional import pil_to_tensor

from pipeline.core.errors import UserError
from pipeline.encoders.common.checkpoint import check_finite
from pipeline.triplets.generate.params import DetectorBoxes


class Detector:
    """A detector that finds boxes as fractions of the image, best first."""

    def __init__(self, model: nn.Module, device: str) -> None:
        self.model = model.to(device).eval()
        self.device = device

    @staticmethod
    def load(params: DetectorBoxes, weights: Path, device: str) -> Detector:
        """The model that `params` names, filled from a file of weights.

        Raises UserError if they do not fit it or are not finite.
        """
        model = getattr(detection, params.model)(
            weights=None,
            weights_backbone=None,
            box_score_thresh=params.min_score,
            box_detections_per_img=params.top_n,
        )
        try:
            state = torch.load(weights, map_location="cpu", weights_only=True)
            model.load_state_dict(state)
        except Exception as error:
            # torch raises errors of many types for a file that is damaged or of another model.
            raise UserError(
                "The detector's weights cannot be used.",
                where=weights,
                expected=f"the state of torchvision's {params.model}",
                found=str(error).splitlines()[0],
                fix="put the file that torchvision publishes for this model there",
            ) from None
        check_finite(model.state_dict(), weights)
        return Detector(model, device)

    @torch.inference_mode()
    def find(self, images: Sequence[Image.Image]) -> list[list[tuple[list[float], float]]]:
        """The best boxes of each image with their scores; none where the detector sees nothing."""
        tensors = [pil_to_tensor(image).to(self.device).float() / 255 for image in images]
        return [self._best(detected, image.size) for detected, image in zip(self.model(tensors), images, strict=True)]

    def _best(self, detected: dict[str, Tensor], size: tuple[int, int]) -> list[tuple[list[float], float]]:
        sides = torch.tensor([*size, *size], device=detected["boxes"].device)
        boxes = (detected["boxes"] / sides).clamp(0, 1)
        with_area = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
        scores = detected["scores"][with_area].cpu().tolist()
        return list(zip(boxes[with_area].cpu().tolist(), scores, strict=True))
