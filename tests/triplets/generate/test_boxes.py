"""Boxes from the grid and from a table."""

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.tables.triplets import BOXES
from pipeline.triplets.generate.box_check import check_boxes
from pipeline.triplets.generate.box_source import box_files, box_source
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
    assert check_boxes(params, tmp_path, {"a", "other"}) == {}
    with pytest.raises(UserError, match="knows none"):
        check_boxes(params, tmp_path, {"other"})


BAD_BOXES = [
    (box_row("a", 1, 0.5, (0, 0, 50, 60)), "box outside the image"),
    (box_row("a", 2, 0.5, (-0.1, 0, 0.5, 0.5)), "box outside the image"),
    (box_row("a", 3, 0.5, (0.5, 0, 0.5, 1)), "box without area"),
    (box_row("a", 4, 0.5, (0, 0.9, 1, 0.1)), "box without area"),
    (box_row("a", 5, 0.5, (0, 0, math.nan, 1)), "box or score is no number"),
    (box_row("a", 6, 0.5, (0, 0, math.inf, 1)), "box or score is no number"),
    (box_row("a", 7, 0.5, (0, 0, None, 1)), "box or score is no number"),
    (box_row("a", 8, math.nan), "box or score is no number"),
    (box_row("a", 9, None), "box or score is no number"),
    (box_row("a", 10, 0.5) | {"box": None}, "box or score is no number"),
    (box_row(None, 11, 0.5), "no key or box_id"),
    (box_row("a", None, 0.5), "no key or box_id"),
    (box_row("a", 0, 0.9), "repeated box_id"),
]


def write_boxes(path, rows):
    """A table as people write it: nobody has looked at its keys."""
    pq.write_table(pa.Table.from_pylist(rows, schema=BOXES.schema), path)


@pytest.mark.parametrize(("bad", "reason"), BAD_BOXES)
def test_a_bad_box_is_left_out_and_counted(tmp_path, capsys, bad, reason):
    good = [box_row("a", 0, 0.5), box_row("b", 0, 0.5)]
    write_boxes(tmp_path / "boxes.parquet", [*good, bad])
    params = FileBoxes(kind="file", path="boxes.parquet", top_n=9)
    assert check_boxes(params, tmp_path, {"a", "b"}) == {reason: 1}
    line = capsys.readouterr().out
    assert line.startswith(f"generate: 1 of 3 boxes of boxes.parquet are left out: 1 × {reason} (such as {{'key': ")
    assert line.count("\n") == 1
    source = box_source(params, tmp_path)
    assert source.find([PICTURE, PICTURE], ["a", "b"]) == [[[0, 0, 0.5, 0.5]], [[0, 0, 0.5, 0.5]]]


def test_an_image_whose_boxes_are_all_bad_gets_none(tmp_path):
    good = [box_row("a", number, 0.5) for number in range(3)]
    write_boxes(tmp_path / "boxes.parquet", [*good, box_row("b", 0, math.nan)])
    source = box_source(FileBoxes(kind="file", path="boxes.parquet", top_n=1), tmp_path)
    assert source.find([PICTURE, PICTURE], ["b", "a"]) == [[], [[0, 0, 0.5, 0.5]]]


def test_too_many_bad_boxes_are_refused_with_an_example_of_each_reason(tmp_path):
    bad = [row for row, _ in BAD_BOXES]
    good = [box_row(f"good{number}", 0, 0.5) for number in range(len(bad))]
    write_boxes(tmp_path / "boxes.parquet", [box_row("a", 0, 0.5), *good[1:], *bad])
    params = FileBoxes(kind="file", path="boxes.parquet", top_n=9, max_dropped_share=0.5)
    assert sum(check_boxes(params, tmp_path, {"a"}).values()) == len(bad)
    with pytest.raises(UserError, match="13 of 26 samples of source") as error:
        check_boxes(params.model_copy(update={"max_dropped_share": 0.49}), tmp_path, {"a"})
    assert error.value.where == str(tmp_path / "boxes.parquet")
    assert error.value.expected == "at most 49.0% (generate.boxes.max_dropped_share)"
    assert "6 × box or score is no number (such as {'key': 'a', 'box_id': 5, 'box': [0.0, 0.0, nan" in error.value.found
    assert "2 × box outside the image (such as {'key': 'a', 'box_id': 1," in error.value.found
    only_bad = params.model_copy(update={"max_dropped_share": 1.0})
    write_boxes(tmp_path / "boxes.parquet", bad[:3])
    with pytest.raises(UserError, match="3 of 3 samples"):
        check_boxes(only_bad, tmp_path, {"a"})


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
