"""Views of pictures: placed crops, changed light, turned hues, and the way back to a point of the picture.

Coordinates run from -1 to 1 over a picture (x to the right, y down), as torch's grid_sample has them. A
*placement* [2,3] maps coordinates of a view to coordinates of its picture. Scale and tilt change little,
because size is something to be learned; left and right may be swapped, since points are mapped along.

Light: brightness, a smooth field of light over the picture, an offset of grey and a small one of each
channel, and noise. They leave a thing's colour recognisable and make the background useless for telling
pictures apart.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

SCALE = 0.08
TILT = math.radians(8)
BRIGHTNESS = 0.12
FIELD = 0.4
GREY = 0.2
TINT = 0.1
NOISE = 0.05
SALIENCY_SIDE = 24
"""Cells along one side in which saliency is measured."""
LEAST_SALIENCY = 1e-4
"""What a cell has at least, so that a picture of one colour has points too."""


def placements(count: int, zoom: float, centres: Tensor | None, shift: float, draw: torch.Generator) -> Tensor:
    """Random placements [count,2,3]: a window of `zoom` times the picture's side around `centres` [count,2].

    Centres (default: the middle) are moved by up to `shift` in each direction.
    """
    scale = zoom * (1 + SCALE * uniform(draw, count))
    tilt = TILT * uniform(draw, count)
    mirror = torch.where(uniform(draw, count) < 0, -1.0, 1.0)
    placed = torch.zeros(count, 2, 3)
    placed[:, 0, 0] = scale * tilt.cos() * mirror
    placed[:, 0, 1] = -scale * tilt.sin()
    placed[:, 1, 0] = scale * tilt.sin() * mirror
    placed[:, 1, 1] = scale * tilt.cos()
    placed[:, :, 2] = shift * uniform(draw, count, 2)
    if centres is not None:
        placed[:, :, 2] += centres
    return placed


def crop(pictures: Tensor, placed: Tensor, side: int) -> Tensor:
    """The views [N,3,side,side] of pictures [N,3,S,S] at their placements; beyond the border, mirrored."""
    grid = functional.affine_grid(placed, [len(pictures), 3, side, side], align_corners=False)
    return functional.grid_sample(pictures, grid, align_corners=False, padding_mode="reflection")


def in_view(placed: Tensor, points: Tensor) -> Tensor:
    """Coordinates in the views of points [N,K,2] of the pictures (beyond ±1: outside)."""
    return torch.linalg.solve(placed[:, :, :2], (points - placed[:, None, :, 2]).transpose(1, 2)).transpose(1, 2)


def change_light(views: Tensor, draw: torch.Generator) -> Tensor:
    """Normalised views [N,3,S,S] in another light."""
    count, side = len(views), views.shape[-1]
    cells = int(torch.randint(3, 13, (1,), generator=draw))
    field = torch.randn(count, 1, cells, cells, generator=draw) * torch.rand(count, 1, 1, 1, generator=draw)
    field = functional.interpolate(FIELD * field, size=(side, side), mode="bicubic")
    offset = GREY * torch.randn(count, 1, 1, 1, generator=draw) + TINT * torch.randn(count, 3, 1, 1, generator=draw)
    views = views * (1 + BRIGHTNESS * uniform(draw, count, 1, 1, 1)) + (field + offset)
    # The same grain on all views, moved: drawing as many numbers as pixels would take longer than the rest.
    grain = torch.randn(1, 3, side, side, generator=draw) * NOISE
    return views + grain.roll(int(torch.randint(side, (1,), generator=draw)), -1)


def turn_hues(views: Tensor, chosen: Tensor, draw: torch.Generator) -> Tensor:
    """Colours of the `chosen` [N] views turned by a random angle about the axis of greys."""
    angle = math.pi * uniform(draw, len(views))[:, None, None]
    axis = 1 / math.sqrt(3)
    cross = torch.tensor([[0.0, -axis, axis], [axis, 0.0, -axis], [-axis, axis, 0.0]])
    # Rodrigues' rotation formula.
    turned = torch.eye(3) + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)
    matrices = torch.where(chosen[:, None, None], turned, torch.eye(3))
    return torch.einsum("nij,njhw->nihw", matrices, views)


def saliency(pictures: Tensor) -> Tensor:
    """How far each cell's colour is from the picture's median colour, [N, SALIENCY_SIDE²] above 0, sums to 1."""
    coarse = functional.avg_pool2d(pictures, pictures.shape[-1] // SALIENCY_SIDE)
    median = coarse.flatten(2).median(dim=2).values[:, :, None, None]
    distance = (coarse - median).abs().sum(dim=1).flatten(1) + LEAST_SALIENCY
    return distance / distance.sum(dim=1, keepdim=True)


def draw_points(weights: Tensor, count: int, draw: torch.Generator) -> Tensor:
    """Points [N,count,2] in cells drawn with probability proportional to `weights` [N, SALIENCY_SIDE²]."""
    cell = torch.multinomial(weights, count, generator=draw)
    corner = torch.stack([cell % SALIENCY_SIDE, cell // SALIENCY_SIDE], dim=-1)
    return (corner + torch.rand(*cell.shape, 2, generator=draw)) * (2 / SALIENCY_SIDE) - 1


def cell_centres() -> Tensor:
    """Centres [SALIENCY_SIDE², 2] of the cells, row by row."""
    steps = (torch.arange(SALIENCY_SIDE) + 0.5) * (2 / SALIENCY_SIDE) - 1
    rows, columns = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([columns, rows], dim=-1).flatten(0, 1)


def uniform(draw: torch.Generator, *shape: int) -> Tensor:
    """Uniform numbers in -1 to 1."""
    return torch.rand(*shape, generator=draw) * 2 - 1
