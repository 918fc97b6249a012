"""Boxes from torchvision's Faster R-CNN, with the user's own file of weights.

The model scales and normalises by itself, so it gets plain values in [0, 1]: normalising before, as JADE's
script does, shifts its input twice. Its own non-maximum suppression stays; what is left is cut to the best
by score.
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
from pipeline.triplets.generate.grid import weights_file
from pipeline.triplets.generate.params import DetectorBoxes


class Detector:
    """A detector that finds boxes as fractions of the image, best first."""

    def __init__(self, model: nn.Module, device: str) -> None:
        self.model = model.to(device).eval()
        self.device = device

    @staticmethod
    def load(params: DetectorBoxes, root: Path, device: str) -> Detector:
        """The model named by `params`, weights from a path below `root`. Raises UserError if the file does
        not fit it."""
        path = weights_file(params, root)
        model = getattr(detection, params.model)(
            weights=None,
            weights_backbone=None,
            box_score_thresh=params.min_score,
            box_detections_per_img=params.top_n,
        )
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            model.load_state_dict(state)
        except Exception as error:
            # torch raises errors of many types for a file that is damaged, no archive, or of another model.
            raise UserError(
                "The detector's weights cannot be used.",
                where=path,
                expected=f"the state of torchvision's {params.model}",
                found=str(error).splitlines()[0],
                fix="put the file that torchvision publishes for this model there",
            ) from None
        return Detector(model, device)

    @torch.inference_mode()
    def find(self, images: Sequence[Image.Image], keys: Sequence[str]) -> list[list[list[float]]]:
        """The best boxes of each image; none where the detector sees nothing."""
        tensors = [pil_to_tensor(image).to(self.device).float() / 255 for image in images]
        return [self._best(found, image.size) for found, image in zip(self.model(tensors), images, strict=True)]

    def _best(self, found: dict[str, Tensor], size: tuple[int, int]) -> list[list[float]]:
        sides = torch.tensor([*size, *size], device=found["boxes"].device)
        boxes = (found["boxes"] / sides).clamp(0, 1)
        return boxes[(boxes[:, 2:] > boxes[:, :2]).all(dim=1)].cpu().tolist()
