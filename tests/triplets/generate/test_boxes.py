"""Boxes from the grid and from a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.tables.triplets import BOXES
from pipeline.triplets.generate.box_source import box_files, box_source
from pipeline.triplets.generate.box_table import check_known, read_boxes
from pipeline.triplets.generate.grid import grid_boxes, grid_level
from pipeline.triplets.generate.params import DetectorBoxes, FileBoxes, GridBoxes, GridLevel

PICTURE = Image.effect_noise((64, 48), 80).convert("RGB")


@given(st.integers(1, 9), st.floats(0, 0.9))
def test_a_level_covers_the_image_with_equal_windows(cells, overlap):
    boxes = grid_level(GridLevel(cells=cells, overlap=overlap))
    assert len(boxes) == cells**2
    assert boxes[0][:2] == [0.0, 0.0]
    assert boxes[-1][2:] == pytest.approx([1.0, 1.0])
    side = boxes[0][2]
    for x1, y1, x2, y2 in boxes:
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1
        assert (x2 - x1, y2 - y1) == pytest.approx((side, side), abs=1e-6)
    if cells > 1:
        assert side - boxes[1][0] == pytest.approx(side * overlap, abs=1e-6)


def test_grid_lists_its_levels_in_order():
    params = GridBoxes(kind="grid", levels=[GridLevel(cells=1, overlap=0.0), GridLevel(cells=2, overlap=0.0)])
    assert grid_boxes(params) == [
        [0, 0, 1, 1],
        [0, 0, 0.5, 0.5],
        [0.5, 0, 1, 0.5],
        [0, 0.5, 0.5, 1],
        [0.5, 0.5, 1, 1],
    ]


def box_row(key, number, score, box=(0.0, 0.0, 0.5, 0.5)):
    return {"key": key, "box_id": number, "box": list(box), "score": score}


def test_a_table_gives_the_best_boxes_first(tmp_path):
    path = tmp_path / "boxes.parquet"
    rows = [
        box_row("a", 0, 0.1),
        box_row("a", 1, 0.9, (0, 0, 1, 1)),
        box_row("a", 2, 0.9),
        box_row("b", 0, 0.5),
    ]
    BOXES.write(path, rows)
    params = FileBoxes(kind="file", path="boxes.parquet", top_n=2)
    assert box_files(params, tmp_path) == (path,)
    source = box_source(params, tmp_path)
    assert source.find([PICTURE, PICTURE], ["a", "z"]) == [[[0, 0, 1, 1], [0, 0, 0.5, 0.5]], []]
    table = read_boxes(path)
    check_known(table, {"a", "other"}, path)
    with pytest.raises(UserError, match="knows none"):
        check_known(table, {"other"}, path)


def test_a_box_in_pixels_is_refused(tmp_path):
    BOXES.write(tmp_path / "boxes.parquet", [box_row("a", 0, 0.1, (0, 0, 50, 60))])
    with pytest.raises(UserError, match="does not lie in its image"):
        read_boxes(tmp_path / "boxes.parquet")


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(UserError, match="missing"):
        box_source(FileBoxes(kind="file", path="no.parquet", top_n=1), tmp_path)


def test_the_detector_finds_boxes_with_weights_of_its_own_kind(tmp_path):
    params = DetectorBoxes(
        kind="detector",
        model="fasterrcnn_mobilenet_v3_large_320_fpn",
        weights="detector.pth",
        top_n=3,
        min_score=0.0,
    )
    with pytest.raises(UserError, match="weights are missing"):
        box_source(params, tmp_path)
    (tmp_path / "detector.pth").write_bytes(b"no weights")
    with pytest.raises(UserError, match="cannot be used"):
        box_source(params, tmp_path)
    torch = pytest.importorskip("torch")
    detection = pytest.importorskip("torchvision").models.detection
    torch.manual_seed(0)
    model = detection.fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None)
    torch.save(model.state_dict(), tmp_path / "detector.pth")
    assert box_files(params, tmp_path) == (tmp_path / "detector.pth",)
    (boxes,) = box_source(params, tmp_path).find([PICTURE], ["a"])
    assert 1 <= len(boxes) <= 3
    assert all(0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1 for x1, y1, x2, y2 in boxes)
    state = model.state_dict()
    state["rpn.head.cls_logits.bias"][0] = torch.nan
    torch.save(state, tmp_path / "detector.pth")
    with pytest.raises(UserError, match="not finite"):
        box_source(params, tmp_path)
