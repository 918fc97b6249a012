"""Mosaics: pieces of several pictures put together, so that a thing is seen apart from its surroundings.

If both views of a thing show its neighbours too, a model finds the pair by them and learns little of the
thing itself. So the second view of every picture is cut into `TILES` pieces around salient places, and each
piece goes into another mosaic, beside pieces of other pictures: tile t of picture i lies in quadrant t of
mosaic i + OFFSETS[t].

The point that is looked for in the mosaic is not the very point of the whole view, but another one close by, most
likely on the same thing: so a token is to know what it lies on, not on which part of it.
"""

from dataclasses import dataclass

import torch
from scripts.pretraining.views import (
    cell_centres,
    change_light,
    crop,
    draw_points,
    in_view,
    placements,
    saliency,
    turn_hues,
)
from torch import Tensor

TILES = 4
OFFSETS = (7, 14, 21, 28)
QUADRANTS = torch.tensor([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.5, 0.5]])
POINTS_PER_TILE = 2
REACH = 0.22
"""How far from a tile's centre its points may lie."""
PARTNER_REACH = 0.14
"""How far from a point of the whole view its partner in the mosaic may lie."""
JITTER = 0.12
SHIFT = 0.3
KEPT_EVERY = 3
"""One picture in so many keeps its hues; those of all others are turned."""
VISIBLE = 0.95
"""Largest coordinate at which a point counts as seen."""


@dataclass(frozen=True)
class PairedViews:
    """Whole views and mosaics of N pictures, and K points of each picture in both.

    whole, mosaics: [N,3,S,S]. points: [N,K,2] in pictures. in_whole: [N,K,2], the points there; in_mosaic: [N,K,2],
    their partners in mosaic `mosaic_of` [N,K]. seen: [N,K], whether both are visible. turned: [N], whether
    the colours were changed.
    """

    whole: Tensor
    mosaics: Tensor
    points: Tensor
    in_whole: Tensor
    in_mosaic: Tensor
    mosaic_of: Tensor
    seen: Tensor
    turned: Tensor


def paired_views(pictures: Tensor, draw: torch.Generator) -> PairedViews:
    """Views of normalised pictures [N,3,S,S], N larger than the largest of OFFSETS."""
    count, side = len(pictures), pictures.shape[-1]
    if count <= max(OFFSETS):
        raise ValueError(f"a mosaic needs more than {max(OFFSETS)} pictures, not {count}")
    weights = saliency(pictures)
    centres = draw_points(weights, TILES, draw)
    points = _points_near(weights, centres, REACH, POINTS_PER_TILE, draw)
    partners = _points_near(weights, points.flatten(1, 2), PARTNER_REACH, 1, draw).reshape(points.shape)
    turned = torch.arange(count) % KEPT_EVERY != 0

    placed = placements(count, 1.0, None, SHIFT, draw)
    whole = turn_hues(change_light(crop(pictures, placed, side), draw), turned, draw)
    in_whole = in_view(placed, points.flatten(1, 2))

    tiles, in_tiles = [], []
    for tile in range(TILES):
        placed = placements(count, 0.5, centres[:, tile], JITTER, draw)
        piece = turn_hues(change_light(crop(pictures, placed, side // 2), draw), turned, draw)
        tiles.append(piece.roll(OFFSETS[tile], dims=0))
        in_tiles.append(in_view(placed, partners[:, tile]))
    tops, bottoms = torch.cat(tiles[:2], dim=3), torch.cat(tiles[2:], dim=3)
    in_tile = torch.stack(in_tiles, dim=1)
    seen = (in_whole.abs() < VISIBLE).all(-1) & (in_tile.abs() < VISIBLE).all(-1).flatten(1)
    mosaic_of = (torch.arange(count)[:, None] + torch.tensor(OFFSETS)) % count
    return PairedViews(
        whole=whole,
        mosaics=torch.cat([tops, bottoms], dim=2),
        points=points.flatten(1, 2),
        in_whole=in_whole,
        in_mosaic=(in_tile / 2 + QUADRANTS[:, None]).flatten(1, 2),
        mosaic_of=mosaic_of.repeat_interleave(POINTS_PER_TILE, dim=1),
        seen=seen,
        turned=turned,
    )


def _points_near(weights: Tensor, places: Tensor, reach: float, count: int, draw: torch.Generator) -> Tensor:
    """Salient points [N,P,count,2] within `reach` of each of the places [N,P,2], in either direction."""
    near = ((cell_centres() - places[:, :, None]).abs() < reach).all(dim=-1)
    points = draw_points((weights[:, None] * near).flatten(0, 1), count, draw)
    return points.unflatten(0, places.shape[:2])
