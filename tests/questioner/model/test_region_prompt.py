"""Coverage of grid cells by boxes, and the tokens of a box, against sampling and direct computation."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.questioner import slow, toy

from pipeline.questioner.model.region_prompt import (
    BINS,
    SMALLEST_SIDE,
    TokenGrid,
    bins,
    corner_features,
    coverage,
    widened,
)

corner = st.floats(0, 1, width=32)


@given(corner, corner, corner, corner, st.integers(1, 5), st.integers(1, 5))
def test_coverage_adds_up_to_area(x1: float, y1: float, x2: float, y2: float, rows: int, columns: int):
    box = widened(torch.tensor([[x1, y1, x2, y2]], dtype=torch.float64))
    share = coverage(box, TokenGrid(rows, columns).cells().double())
    assert ((share >= 0) & (share <= 1 + 1e-6)).all()
    area = float((box[0, 2] - box[0, 0]) * (box[0, 3] - box[0, 1]))
    assert float(share.sum()) / (rows * columns) == pytest.approx(area, abs=1e-6)


@given(corner, corner, corner, corner)
def test_widened_boxes_have_a_side(x1: float, y1: float, x2: float, y2: float):
    box = widened(torch.tensor([[x1, y1, x2, y2]], dtype=torch.float64))[0]
    assert (box >= 0).all() and (box <= 1 + 1e-9).all()
    assert float(box[2] - box[0]) >= SMALLEST_SIDE - 1e-9
    assert float(box[3] - box[1]) >= SMALLEST_SIDE - 1e-9


def test_coverage_of_one_cell():
    """A 2 x 2 grid; the box covers a quarter of the upper left cell and half of the upper right one."""
    share = coverage(torch.tensor([[0.25, 0.25, 0.5, 0.5], [0.5, 0.0, 1.0, 0.25]]), TokenGrid(2, 2).cells())
    assert share.tolist() == [[0.25, 0, 0, 0], [0, 0.5, 0, 0]]


@given(corner, corner, corner, corner)
def test_the_parts_of_a_box_cover_it(x1: float, y1: float, x2: float, y2: float):
    box = widened(torch.tensor([[x1, y1, x2, y2]], dtype=torch.float64))
    cells = TokenGrid(3, 4).cells().double()
    whole, *parts = coverage(bins(box)[0], cells)
    assert torch.allclose(torch.stack(parts).sum(dim=0), whole, atol=1e-9)


def test_tokens_of_a_box():
    model = toy.questioner(seed=1)
    assert model.roi_tokens is not None
    visual = model.adapt(toy.images(2))
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1 / 3], [0.5, 0.0, 1.0, 1.0]], dtype=torch.float64)
    with torch.no_grad():
        tokens = slow.box_tokens(model, visual, torch.tensor([1, 0]), boxes)
        assert tokens.shape == (2, toy.GRID.tokens + 1 + BINS**2, 24)
        first_row = visual[1, 1:3]
        expected = (
            first_row.mean(0) + model.roi_tokens.token_type[0] + model.box_embedding(corner_features(boxes[:1]))[0]
        )
        assert torch.allclose(tokens[0, toy.GRID.tokens], expected, atol=1e-6)
        upper_left = torch.tensor([[0.0, 0.0, 1 / BINS, 1 / 3 / BINS]], dtype=torch.float64)
        expected = visual[1, 1] + model.roi_tokens.token_type[1] + model.box_embedding(corner_features(upper_left))[0]
        assert torch.allclose(tokens[0, toy.GRID.tokens + 1], expected, atol=1e-6)
        assert torch.allclose(tokens[0, 1:3], first_row + model.roi_tokens.inside, atol=1e-6)
        assert torch.allclose(tokens[0, 3:7], visual[1, 3:] + model.roi_tokens.outside, atol=1e-6)
        assert torch.allclose(tokens[0, 0], visual[1, 0] + model.roi_tokens.outside)
    plain = slow.box_tokens(toy.questioner(roi_tokens=False), visual, torch.tensor([1, 0]), boxes)
    assert plain.equal(visual[[1, 0]])


@pytest.mark.parametrize("roi_tokens", [True, False])
def test_projection_once_per_image_equals_projection_per_box(roi_tokens: bool):
    model = toy.questioner(seed=2, roi_tokens=roi_tokens)
    visual, images = model.adapt(toy.images(2)), torch.tensor([0, 1, 1])
    boxes = torch.tensor([[0.1, 0.2, 0.5, 0.9], [0.0, 0.0, 1.0, 1.0], [0.7, 0.1, 0.8, 0.3]], dtype=torch.float64)
    per_box = slow.cross_keys_values(model, slow.box_tokens(model, visual, images, boxes))
    per_image = model.cross_keys_values(visual, images, boxes)
    assert len(per_box) == len(per_image) == len(model.text.bert.layers)
    for pair, other in zip(per_box, per_image, strict=True):
        for expected, found in zip(pair, other, strict=True):
            torch.testing.assert_close(found, expected)
