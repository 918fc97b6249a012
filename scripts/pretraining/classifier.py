"""A supervised teacher: the same encoder trained to say what a whole picture shows.

The label is a distribution over classes, alike for every class that occurs in the picture, and the loss is the
cross-entropy between it and the softmax of a linear head on the mean token. No box tells where a class lies.

Source: the targets for pictures with several hashtags of Mahajan et al. 2018, "Exploring the Limits of Weakly
Supervised Pretraining".
"""

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import torch
from scripts.pretraining.labelled_pictures import LabelledPictures, Pictures
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor
from torch.nn import functional

from pipeline.training.distributed import ALONE, World


class Classifier(LabelledPictures):
    """An encoder with classes, and a label [N,classes] for every picture."""

    monitor: ClassVar[str] = "found"

    def __init__(self, encoder: VisionTransformer, pictures: Pictures, labels: Tensor) -> None:
        super().__init__(encoder, pictures)
        self.labels = labels

    def collate(self, items: Sequence[int], step: int) -> dict[str, Tensor]:
        """Pixels and labels of the pictures."""
        return {"pixels": self.pictures.pixels(items), "label": self.labels[list(items)]}

    def outputs(self, micro: Any) -> dict[str, Tensor]:
        """Logits [B,classes], beside the labels."""
        return {"logits": self.encoder.forward_head(self.tokens(micro["pixels"])), "label": micro["label"]}

    def losses(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Mean cross-entropy per picture."""
        return {"classes": functional.cross_entropy(outputs["logits"], outputs["label"])}

    def validate(self, processes: World = ALONE) -> dict[str, float]:
        """Percentage of held-out pictures' classes that are found."""
        outputs = self.outputs(self.collate(self.pictures.validation, 0))
        return {"found": share_found(outputs["logits"], outputs["label"])}


def uniform_labels(occurring: Sequence[Collection[int]], classes: int) -> Tensor:
    """Distributions [N,classes], each uniform over the distinct classes that occur in a picture (at least one)."""
    labels = torch.zeros(len(occurring), classes)
    for label, own in zip(labels, occurring, strict=True):
        label[list(own)] = 1 / len(set(own))
    return labels


def share_found(logits: Tensor, labels: Tensor) -> float:
    """Percentage of classes that are found among their picture's k most probable ones, k being how many it has.

    logits, labels: [N,classes]; pictures count alike (mean R-precision).
    """
    present = labels > 0
    rank = logits.argsort(dim=1, descending=True).argsort(dim=1)
    count = present.sum(dim=1)
    found = (present & (rank < count[:, None])).sum(dim=1)
    return 100 * (found / count).mean().item()
