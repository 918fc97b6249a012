"""Self-supervised pretraining of the image encoder by contrasting places.

What the model sees at a point of a whole view must be found again, among the points of all other pictures
of the batch, in the mosaic that holds the same piece (InfoNCE, van den Oord et al. 2018; in both
directions). Two things keep it from solving this by shortcuts:

- mosaics show a thing without its surroundings (`scripts.pretraining.mosaic`);
- in two thirds of the pictures the hues are turned, differently in both views, and these are contrasted with
  each other through a projection of their own. There colour is of no use, so that shape, pattern and size must
  be learned; in the other third colour is kept, and must be learned too (one space per invariance: Xiao et al.
  2021).

A small third term lets every token tell its place on the grid, so that position stays in the tokens.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from scripts.pretraining.mosaic import paired_views
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.training.distributed import ALONE, World
from pipeline.training.objective import Objective

SAME_PLACE = 0.42
"""Two points of one picture that are closer may lie on one thing: neither partners nor opponents."""
PROJECTION = 128
POSITION_WEIGHT = 0.1
VALIDATION_STEP = 2**40
"""A step that no training reaches: the random numbers of the validation's views follow from it."""


class RegionContrast(Objective):
    """The encoder with what is needed only while it is trained.

    `pictures` are uint8 [N,S,S,3] at the encoder's size; the last `held_out` of them serve for validation.
    """

    monitor: ClassVar[str] = "found"

    def __init__(
        self,
        encoder: VisionTransformer,
        pictures: np.ndarray,
        preprocessing: Preprocessing,
        batch_size: int,
        temperature: float,
        seed: int,
        held_out: int = 256,
    ) -> None:
        super().__init__()
        width = encoder.embed_dim
        self.encoder = encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.with_colour = projection(width)
        self.without_colour = projection(width)
        self.place = nn.Linear(width, 2)
        self.pictures, self.held_out = pictures, held_out
        self.preprocessing = preprocessing
        self.batch_size, self.temperature, self.seed = batch_size, temperature, seed

    def batch(self, step: int) -> Sequence[int]:
        """Different pictures, drawn for this step."""
        rng = np.random.default_rng([self.seed, step])
        return np.sort(rng.choice(len(self.pictures) - self.held_out, self.batch_size, replace=False)).tolist()

    def collate(self, items: Sequence[int], step: int) -> dict[str, Tensor]:
        """Paired views of the pictures."""
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        views = paired_views(self.preprocessing.normalise(self.pictures[list(items)]), draw)
        return vars(views)

    def outputs(self, micro: Any) -> dict[str, Tensor]:
        """Projections [N,K,P] of the points in both views, and what is needed to compare them."""
        whole = self.encoder.forward_features(micro["whole"].contiguous(memory_format=torch.channels_last))
        mosaics = self.encoder.forward_features(micro["mosaics"].contiguous(memory_format=torch.channels_last))
        side, turned = self.encoder.patch_embed.grid_size[0], micro["turned"]
        first = at_points(as_grid(whole, side), micro["in_whole"])
        second = at_points_of(as_grid(mosaics, side), micro["mosaic_of"], micro["in_mosaic"])
        wrong = [(self.place(tokens) - places(side).to(tokens)).square().mean((1, 2)) for tokens in (whole, mosaics)]
        return {
            "whole": self.project(first, turned),
            "mosaic": self.project(second, turned),
            "points": micro["points"],
            "seen": micro["seen"],
            "turned": turned,
            "place_error": (wrong[0] + wrong[1]) / 2,
        }

    def project(self, features: Tensor, turned: Tensor) -> Tensor:
        """Features [N,K,D] in the space that fits each picture [N]: colour kept or turned."""
        projected = torch.zeros(*features.shape[:2], PROJECTION, device=features.device)
        for head, pictures in ((self.with_colour, ~turned), (self.without_colour, turned)):
            found = head(features[pictures].flatten(0, 1)).unflatten(0, (-1, features.shape[1])).float()
            projected = projected.index_put((pictures.nonzero()[:, 0],), found)
        return projected

    def losses(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """InfoNCE of both kinds of pictures, and the places."""
        found: dict[str, Tensor] = {}
        for name, pictures in (("with_colour", ~outputs["turned"]), ("without_colour", outputs["turned"])):
            found[name] = info_nce(*self.similarities(outputs, pictures)) / 2
        return {**found, "place": POSITION_WEIGHT * outputs["place_error"].mean()}

    def similarities(self, outputs: dict[str, Tensor], pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Of the chosen pictures' M visible points: cosines over temperature [M,M], and which to ignore [M,M]."""
        chosen = outputs["seen"] & pictures[:, None]
        first, second = (functional.normalize(outputs[name][chosen], dim=1) for name in ("whole", "mosaic"))
        ignored = same_place(outputs["points"][chosen], chosen.nonzero()[:, 0])
        return first @ second.T / self.temperature, ignored

    def validate(self, processes: World = ALONE) -> dict[str, float]:
        """Percentage of held-out points that are found first, with colour kept and turned."""
        items = range(len(self.pictures) - self.held_out, len(self.pictures))
        outputs = self.outputs(self.collate(items, VALIDATION_STEP))
        hits = []
        for pictures in (~outputs["turned"], outputs["turned"]):
            similarity, ignored = self.similarities(outputs, pictures)
            best = similarity.masked_fill(ignored, -math.inf).argmax(dim=1)
            hits.append((best == torch.arange(len(best))).float().mean().item())
        return {"found": 50 * sum(hits), "found_with_colour": 100 * hits[0], "found_without_colour": 100 * hits[1]}


def projection(width: int) -> nn.Sequential:
    """Two-layer head into a space in which points are compared."""
    hidden = 2 * PROJECTION
    return nn.Sequential(nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, PROJECTION))


def as_grid(tokens: Tensor, side: int) -> Tensor:
    """Tokens [N,side²,D] as maps [N,D,side,side]."""
    return tokens.transpose(1, 2).unflatten(2, (side, side))


def at_points(grids: Tensor, points: Tensor) -> Tensor:
    """Tokens [N,K,D] at points [N,K,2] of grids [N,D,g,g], interpolated between the four nearest.

    A wider window would let the tokens of a thing share the work, where each is to know what it lies on.
    """
    sampled = functional.grid_sample(grids, points[:, :, None], align_corners=False, padding_mode="border")
    return sampled[..., 0].transpose(1, 2)


def at_points_of(grids: Tensor, which: Tensor, points: Tensor) -> Tensor:
    """As `at_points`, each point [N,K,2] in the grid that `which` [N,K] names."""
    flat = at_points(grids[which.flatten()], points.flatten(0, 1)[:, None])
    return flat[:, 0].unflatten(0, which.shape)


def same_place(points: Tensor, pictures: Tensor) -> Tensor:
    """[M,M]: pairs of different points [M,2] that may lie on one thing of one picture [M]."""
    near = torch.cdist(points, points) < SAME_PLACE
    return ((pictures[:, None] == pictures) & near).fill_diagonal_(False)


def info_nce(similarity: Tensor, ignored: Tensor) -> Tensor:
    """Mean cross-entropy of finding i by i among all, by rows and by columns; `ignored` pairs [M,M] left out."""
    similarity = similarity.masked_fill(ignored, -math.inf)
    target = torch.arange(len(similarity), device=similarity.device)
    return (functional.cross_entropy(similarity, target) + functional.cross_entropy(similarity.T, target)) / 2


def places(side: int) -> Tensor:
    """Row and column [side²,2] of every token, from -1 to 1."""
    steps = (torch.arange(side) + 0.5) * (2 / side) - 1
    return torch.cartesian_prod(steps, steps)
