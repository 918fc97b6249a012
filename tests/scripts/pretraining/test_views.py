"""Views and mosaics: a point of the picture is found where the mapping says."""

import dataclasses
from typing import Any

import pytest
import torch
from scripts.pretraining.mosaic import paired_views

from scripts.pretraining import mosaic, views


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spots(points: torch.Tensor, side: int = 96) -> torch.Tensor:
    """Black pictures [N,3,side,side] with one bright spot each, at points [N,2]."""
    steps = (torch.arange(side) + 0.5) * (2 / side) - 1
    across = (steps - points[:, 0, None]) ** 2
    down = (steps - points[:, 1, None]) ** 2
    return torch.exp(-(across[:, None, :] + down[:, :, None]) / 0.002)[:, None].expand(-1, 3, -1, -1)


def brightest(pictures: torch.Tensor) -> torch.Tensor:
    """Coordinates [N,2] of the brightest pixel."""
    side = pictures.shape[-1]
    place = pictures.mean(dim=1).flatten(1).argmax(dim=1)
    return (torch.stack([place % side, place // side], dim=1) + 0.5) * (2 / side) - 1


@pytest.mark.parametrize(("zoom", "side"), [(1.0, 96), (0.5, 48)])
def test_points_are_found_in_crops(zoom: float, side: int) -> None:
    points = 0.3 * views.uniform(draw(1), 40, 2)
    placed = views.placements(40, zoom, points if zoom < 1 else None, 0.1, draw())
    found = brightest(views.crop(spots(points), placed, side))
    expected = views.in_view(placed, points[:, None])[:, 0]
    torch.testing.assert_close(found, expected, rtol=0, atol=2.5 / side)


def test_points_are_found_in_mosaics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture has one spot, and saliency leads all points and partners to it; light stays as it is."""
    monkeypatch.setattr(mosaic, "change_light", lambda pictures, _: pictures)
    monkeypatch.setattr(mosaic, "PARTNER_REACH", 0.05)
    points = 0.5 * views.uniform(draw(1), 40, 2)
    pictures = spots(points)
    paired = paired_views(pictures, draw())
    at_spot = (paired.points - points[:, None]).norm(dim=-1) < 0.03
    rows, columns = (at_spot & paired.seen).nonzero(as_tuple=True)
    assert len(rows) > 20
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        for picture, place in (
            (paired.whole[row], paired.in_whole[row, column]),
            (paired.mosaics[paired.mosaic_of[row, column]], paired.in_mosaic[row, column]),
        ):
            x, y = ((place + 1) * 48).long().tolist()
            assert picture[:, max(0, y - 3) : y + 4, max(0, x - 3) : x + 4].max() > 0.5


def test_partners_are_near_their_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without zoom, tilt and shift a partner lies as far from its tile's centre as in the picture, mirrored or not."""
    for module, name in ((views, "SCALE"), (views, "TILT"), (mosaic, "JITTER"), (mosaic, "SHIFT")):
        monkeypatch.setattr(module, name, 0.0)
    drawn: list[torch.Tensor] = []

    def draw_and_keep(*arguments: Any) -> torch.Tensor:
        drawn.append(views.draw_points(*arguments))
        return drawn[-1]

    monkeypatch.setattr(mosaic, "draw_points", draw_and_keep)
    paired = paired_views(torch.randn(40, 3, 96, 96, generator=draw(2)), draw())
    centres, points, partners = drawn
    moved = (partners.view(40, -1, 2) - points.view(40, -1, 2)).abs().amax(dim=-1)
    cell = 2 / views.SALIENCY_SIDE
    assert mosaic.PARTNER_REACH / 2 < moved.max() <= mosaic.PARTNER_REACH + cell
    quadrants = mosaic.QUADRANTS.repeat_interleave(mosaic.POINTS_PER_TILE, dim=0)
    from_centre = partners.view(40, mosaic.TILES, -1, 2) - centres[:, :, None]
    torch.testing.assert_close((paired.in_mosaic - quadrants).abs(), from_centre.flatten(1, 2).abs())


def test_mosaic_coordinates_are_one_to_one() -> None:
    paired = paired_views(torch.randn(40, 3, 96, 96, generator=draw(2)), draw())
    quadrant = (paired.in_mosaic[..., 0] > 0).long() + 2 * (paired.in_mosaic[..., 1] > 0)
    inside = paired.seen
    tile = torch.arange(mosaic.TILES).repeat_interleave(mosaic.POINTS_PER_TILE).expand(40, -1)
    assert torch.equal(quadrant[inside], tile[inside])
    places = {(int(m), int(t)) for m, t in zip(paired.mosaic_of.flatten(), tile.flatten(), strict=True)}
    assert len(places) == 40 * mosaic.TILES


def test_same_seed_same_views() -> None:
    pictures = torch.randn(32, 3, 96, 96, generator=draw(3))
    for one, two in zip(
        vars(paired_views(pictures, draw())).values(), vars(paired_views(pictures, draw())).values(), strict=True
    ):
        assert torch.equal(one, two)


def test_too_few_pictures() -> None:
    with pytest.raises(ValueError, match="more than 28"):
        paired_views(torch.zeros(28, 3, 96, 96), draw())


def test_hues_turn_only_where_chosen() -> None:
    pictures = torch.rand(6, 3, 8, 8, generator=draw(4))
    chosen = torch.tensor([True, False] * 3)
    turned = views.turn_hues(pictures, chosen, draw())
    torch.testing.assert_close(turned[~chosen], pictures[~chosen])
    assert (turned[chosen] - pictures[chosen]).abs().amax(dim=(1, 2, 3)).min() > 0.01
    # A rotation about the axis of greys keeps brightness and saturation.
    torch.testing.assert_close(turned.mean(dim=1), pictures.mean(dim=1))
    torch.testing.assert_close(turned.square().sum(dim=1), pictures.square().sum(dim=1))
    grey = torch.full((2, 3, 4, 4), 0.3)
    torch.testing.assert_close(views.turn_hues(grey, torch.tensor([True, True]), draw()), grey)


def test_saliency_finds_what_differs() -> None:
    pictures = torch.zeros(1, 3, 96, 96)
    pictures[0, 0, 40:60, 12:32] = 1.0
    weights = views.saliency(pictures)
    points = views.draw_points(weights, 10, draw())[0]
    pixels = (points + 1) * 48
    assert ((pixels[:, 0] >= 12) & (pixels[:, 0] < 32) & (pixels[:, 1] >= 40) & (pixels[:, 1] < 60)).all()
    torch.testing.assert_close(weights.sum(), torch.tensor(1.0))


def test_paired_views_have_consistent_shapes() -> None:
    paired = paired_views(torch.zeros(30, 3, 96, 96), draw())
    shapes = {name: tuple(value.shape) for name, value in dataclasses.asdict(paired).items()}
    points = mosaic.TILES * mosaic.POINTS_PER_TILE
    assert shapes["whole"] == shapes["mosaics"] == (30, 3, 96, 96)
    assert shapes["in_mosaic"] == (30, points, 2)
    assert shapes["seen"] == shapes["mosaic_of"] == (30, points)
