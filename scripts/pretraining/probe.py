"""Linear probe: what a frozen image encoder knows about things at given boxes.

Tokens are averaged over each box; ridge regression onto one-hot labels (closed form, standardised features)
reads an attribute off the mean, and its largest output is the prediction. A linear map has no way to
compute an attribute that the features do not hold.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scripts.pretraining.region_contrast import as_grid
from torch import Tensor
from torch.nn import functional

from pipeline.encoders.image.preprocessing import Preprocessing

RIDGE = 3.0
SAMPLES = 4
"""Points along each side of a box at which tokens are read."""
BATCH = 64


@dataclass(frozen=True)
class LabelledBoxes:
    """Things in pictures: picture index [M], boxes [M,4], labels per attribute [M]."""

    picture: Tensor
    boxes: Tensor
    labels: Mapping[str, Tensor]


@torch.no_grad()
def box_features(
    encode: Callable[[Tensor], Tensor], pictures: np.ndarray, things: LabelledBoxes, preprocessing: Preprocessing
) -> Tensor:
    """Mean token [M,D] of every box; pictures are uint8 [N,S,S,3], `encode` gives tokens [B,g²,D] of pixels."""
    parts = []
    for start in range(0, len(pictures), BATCH):
        tokens = encode(preprocessing.normalise(pictures[start : start + BATCH]))
        grids = as_grid(tokens, round(tokens.shape[1] ** 0.5))
        inside = (things.picture >= start) & (things.picture < start + BATCH)
        parts.append(over_boxes(grids, things.picture[inside] - start, things.boxes[inside]))
    return torch.cat(parts)


def over_boxes(grids: Tensor, which: Tensor, boxes: Tensor) -> Tensor:
    """Tokens [M,D] of grids [N,D,g,g] averaged over boxes [M,4], each in the grid that `which` [M] names."""
    steps = (torch.arange(SAMPLES) + 0.5) / SAMPLES
    across = boxes[:, 0, None] + (boxes[:, 2] - boxes[:, 0])[:, None] * steps
    down = boxes[:, 1, None] + (boxes[:, 3] - boxes[:, 1])[:, None] * steps
    points = torch.stack([across[:, None].expand(-1, SAMPLES, -1), down[:, :, None].expand(-1, -1, SAMPLES)], dim=-1)
    sampled = functional.grid_sample(grids[which], points * 2 - 1, align_corners=False, padding_mode="border")
    return sampled.mean(dim=(2, 3))


def ridge_accuracy(train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor) -> float:
    """Percentage of test rows whose label a ridge regression from train rows [M,D] predicts."""
    targets = functional.one_hot(train_labels).double()
    predicted = _ridge(train, targets, test)
    return 100 * (predicted.argmax(dim=1) == test_labels).double().mean().item()


def ridge_explained(train: Tensor, train_values: Tensor, test: Tensor, test_values: Tensor) -> float:
    """Percentage of the variance of test values [M,k] that a ridge regression explains."""
    error = _ridge(train, train_values.double(), test) - test_values
    return 100 * (1 - error.var(dim=0).sum() / test_values.double().var(dim=0).sum()).item()


def probe(train: Tensor, train_things: LabelledBoxes, test: Tensor, test_things: LabelledBoxes) -> dict[str, float]:
    """Accuracy per attribute, and the variance of the boxes' centres explained, in percent."""
    figures = {
        name: ridge_accuracy(train, labels, test, test_things.labels[name])
        for name, labels in train_things.labels.items()
    }
    figures["position"] = ridge_explained(train, centres(train_things.boxes), test, centres(test_things.boxes))
    return {name: round(value, 1) for name, value in figures.items()}


def centres(boxes: Tensor) -> Tensor:
    """Centres [M,2] of boxes [M,4]."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _ridge(train: Tensor, targets: Tensor, test: Tensor) -> Tensor:
    mean, deviation = train.mean(dim=0), train.std(dim=0).clamp(min=1e-4)
    rows, asked = (_with_one(((part - mean) / deviation).double()) for part in (train, test))
    weights = torch.linalg.solve(rows.T @ rows + RIDGE * torch.eye(rows.shape[1]).double(), rows.T @ targets)
    return asked @ weights


def _with_one(rows: Tensor) -> Tensor:
    return torch.cat([rows, torch.ones(len(rows), 1, dtype=rows.dtype)], dim=1)


def things_of(
    boxes: Sequence[Sequence[Sequence[float]]], labels: Sequence[Sequence[Mapping[str, int]]]
) -> LabelledBoxes:
    """From boxes and labels by attribute of each picture's things."""
    flat = [label for of_picture in labels for label in of_picture]
    return LabelledBoxes(
        picture=torch.tensor([index for index, of_picture in enumerate(boxes) for _ in of_picture]),
        boxes=torch.tensor([list(box) for of_picture in boxes for box in of_picture]),
        labels={name: torch.tensor([label[name] for label in flat]) for name in flat[0]},
    )
