"""Boxes from the grid, from a table that is split by shard, and from a detector."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.triplets.conftest import GENERATE
from tests.triplets.pairs import write_manifest

from pipeline.core.errors import UserError
from pipeline.storage.boxes import area
from pipeline.storage.shards import ImageShards
from pipeline.tables.triplets import BOXES
from pipeline.triplets.by_shard import partition
from pipeline.triplets.generate.box_source import box_source
from pipeline.triplets.generate.box_table import split_table
from pipeline.triplets.generate.boxes_by_shard import boxes_by_shard
from pipeline.triplets.generate.detect import DetectStep, weights_file
from pipeline.triplets.generate.grid import grid_boxes, grid_level
from pipeline.triplets.generate.params import DetectorBoxes, FileBoxes, GenerateParams, GridBoxes, GridLevel


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


def split(root: Path, params: FileBoxes, shards: Mapping[str, Sequence[str]]) -> tuple[dict[str, int], dict[str, Any]]:
    """What was left out, and the boxes of every image, of pairs with these shards."""
    write_manifest(root / "pairs", shards)
    dropped = split_table(params, root, root / "pairs", root / "boxes")
    found = {}
    for shard, keys in shards.items():
        source = box_source(params, [root / "boxes" / f"{shard}.parquet"])
        found |= dict(zip(keys, source.find(keys), strict=True))
    return dropped, found


def file_boxes(top_n: int, max_dropped_share: float = 0.05) -> FileBoxes:
    return FileBoxes(kind="file", path="boxes.parquet", top_n=top_n, max_dropped_share=max_dropped_share)


def test_a_table_gives_the_best_boxes_first(tmp_path):
    rows = [
        box_row("a", 0, 0.1),
        box_row("a", 1, 0.9, (0, 0, 1, 1)),
        box_row("a", 2, 0.9),
        box_row("b", 0, 0.5),
    ]
    BOXES.write(tmp_path / "boxes.parquet", rows)
    found = split(tmp_path, file_boxes(2), {"train-00000": ["a", "z"], "train-00001": ["other"]})
    assert found == ({}, {"a": [[0, 0, 1, 1], [0, 0, 0.5, 0.5]], "z": [], "other": []})
    assert not list((tmp_path / "boxes").glob(".*"))
    with pytest.raises(UserError, match="knows none") as error:
        split(tmp_path, file_boxes(2), {"train-00000": ["other", "more"]})
    assert error.value.expected == "keys of data/pairs, such as 'more'" and error.value.found == "'a'"


@pytest.mark.parametrize(("bad", "reason"), BAD_BOXES)
def test_a_bad_box_is_left_out_and_counted(tmp_path, capsys, bad, reason):
    good = [box_row("a", 0, 0.5), box_row("b", 0, 0.5)]
    write_boxes(tmp_path / "boxes.parquet", [*good, bad])
    dropped, found = split(tmp_path, file_boxes(9), {"train-00000": ["a"], "train-00001": ["b"]})
    assert dropped == {reason: 1}
    line = capsys.readouterr().out
    assert line.startswith(f"generate: 1 of 3 boxes of boxes.parquet are left out: 1 × {reason} (such as {{'key': ")
    assert line.count("\n") == 1
    assert found == {"a": [[0, 0, 0.5, 0.5]], "b": [[0, 0, 0.5, 0.5]]}


def test_an_image_whose_boxes_are_all_bad_gets_none(tmp_path):
    good = [box_row("a", number, 0.5) for number in range(3)]
    write_boxes(tmp_path / "boxes.parquet", [*good, box_row("b", 0, math.nan)])
    assert split(tmp_path, file_boxes(1), {"train-00000": ["b", "a"]})[1] == {"b": [], "a": [[0, 0, 0.5, 0.5]]}


def test_too_many_bad_boxes_are_refused_with_an_example_of_each_reason(tmp_path):
    bad = [row for row, _ in BAD_BOXES]
    good = [box_row(f"good{number}", 0, 0.5) for number in range(len(bad))]
    write_boxes(tmp_path / "boxes.parquet", [box_row("a", 0, 0.5), *good[1:], *bad])
    pairs = {"train-00000": ["a"]}
    assert sum(split(tmp_path, file_boxes(9, 0.5), pairs)[0].values()) == len(bad)
    with pytest.raises(UserError, match="13 of 26 samples of source") as error:
        split(tmp_path, file_boxes(9, 0.49), pairs)
    assert error.value.where == str(tmp_path / "boxes.parquet")
    assert error.value.expected == "at most 49.0% (generate.boxes.max_dropped_share)"
    assert "6 × box or score is no number (such as {'key': 'a', 'box_id': 5, 'box': [0.0, 0.0, nan" in error.value.found
    assert "2 × box outside the image (such as {'key': 'a', 'box_id': 1," in error.value.found
    write_boxes(tmp_path / "boxes.parquet", bad[:3])
    with pytest.raises(UserError, match="3 of 3 samples"):
        split(tmp_path, file_boxes(9, 1.0), pairs)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(UserError, match="missing"):
        split(tmp_path, file_boxes(1), {"train-00000": ["a"]})


def slow_boxes(rows: list[dict[str, Any]], top_n: int) -> tuple[int, dict[str, list[list[float]]]]:
    """The number of bad rows, and each image's best boxes, one row after the other in dictionaries."""
    found: dict[str, dict[int, tuple[float, int, list[float]]]] = defaultdict(dict)
    bad = 0
    for row in rows:
        key, number, box, score = row["key"], row["box_id"], row["box"], row["score"]
        sound = None not in (key, number, box, score) and all(0 <= corner <= 1 for corner in box)
        if not sound or not math.isfinite(score) or area(box) <= 0 or number in found[key]:
            bad += 1
        else:
            found[key][number] = (-score, number, box)
    return bad, {key: [box for _, _, box in sorted(boxes.values())][:top_n] for key, boxes in found.items()}


CORNER = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.5, -0.5, math.nan])
ROW = st.fixed_dictionaries(
    {
        "key": st.sampled_from(["a", "b", "c", "d", "not there", "nor this", None]),
        "box_id": st.sampled_from([0, 1, 2, None]),
        "box": st.one_of(st.just([0.0, 0.0, 0.5, 1.0]), st.lists(CORNER, min_size=4, max_size=4), st.none()),
        "score": st.sampled_from([0.25, 0.5, 0.75, math.inf, None]),
    }
)


@settings(deadline=None, max_examples=50)
@given(st.lists(ROW, max_size=30), st.integers(1, 5))
def test_a_table_in_any_order_gives_what_the_slow_reader_gives(tmp_path_factory, rows, buffered):
    root = tmp_path_factory.mktemp("boxes")
    write_boxes(root / "boxes.parquet", [box_row("a", 9, 0.0), *rows])
    bad, expected = slow_boxes([box_row("a", 9, 0.0), *rows], 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition, "BUFFERED", buffered)
        dropped, found = split(root, file_boxes(2, 1.0), {"train-00000": ["a", "b"], "val-00000": ["c"], "x": ["d"]})
    assert sum(dropped.values()) == bad
    assert found == {key: expected.get(key, []) for key in "abcd"}


def test_only_the_shard_whose_boxes_changed_is_computed_again(tmp_path):
    shards = {"train-00000": ["a"], "train-00001": ["b"]}
    tables = []
    for score in (0.5, 0.75):
        write_boxes(tmp_path / "boxes.parquet", [box_row("a", 0, 0.5), box_row("b", 0, score)])
        split(tmp_path, file_boxes(1), shards)
        tables.append([(tmp_path / "boxes" / f"{shard}.parquet").read_bytes() for shard in shards])
    assert tables[0][0] == tables[1][0] and tables[0][1] != tables[1][1]


def detector(**changes: Any) -> DetectorBoxes:
    model, weights = "fasterrcnn_mobilenet_v3_large_320_fpn", "detector.pth"
    return DetectorBoxes.model_validate(
        {"kind": "detector", "model": model, "weights": weights, "top_n": 3, "min_score": 0.0} | changes
    )


def test_a_detector_needs_weights_of_its_own_kind(tmp_path):
    with pytest.raises(UserError, match="weights are missing"):
        weights_file(detector(), tmp_path)
    (tmp_path / "detector.pth").write_bytes(b"no weights")
    with pytest.raises(UserError, match="cannot be used"):
        DetectStep(detector(), 2, tmp_path).setup()
    save_weights(tmp_path / "detector.pth", not_finite=True)
    with pytest.raises(UserError, match="not finite"):
        DetectStep(detector(), 2, tmp_path).setup()


def save_weights(path: Path, not_finite: bool = False) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = pytest.importorskip("torchvision").models.detection.fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None
    )
    state = model.state_dict()
    if not_finite:
        state["rpn.head.cls_logits.bias"][0] = torch.nan
    torch.save(state, path)


def test_a_detector_is_asked_once_and_its_boxes_are_a_table_per_shard(shard, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FINEALIGN_DEVICE", "cpu")
    save_weights(tmp_path / "detector.pth")
    params = GenerateParams.model_validate(GENERATE | {"boxes": detector().model_dump()})
    pairs, found, boxes = ImageShards(shard.parent), [], []
    for _ in range(2):
        with boxes_by_shard(params, tmp_path, pairs, ["train-00000"], tmp_path / "scratch") as (folder, dropped):
            assert folder is not None and dropped == {}
            table = folder / "train-00000.parquet"
            found.append(table.read_bytes())
            boxes = box_source(params.boxes, [table]).find(["a", "b", "c"])
        assert not folder.exists()
    assert found[0] == found[1] and "detect: 1 of 1 shards are done already" in capsys.readouterr().out
    assert all(1 <= len(of_image) <= 3 for of_image in boxes)
    assert all(0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1 for of_image in boxes for x1, y1, x2, y2 in of_image)
    step = DetectStep(detector(), 2, tmp_path)
    assert step.parameters() != DetectStep(detector(top_n=2), 2, tmp_path).parameters()


def test_the_table_keeps_the_detectors_boxes_and_their_order(shard, tmp_path, monkeypatch):
    monkeypatch.setenv("FINEALIGN_DEVICE", "cpu")
    save_weights(tmp_path / "detector.pth")
    step = DetectStep(detector(), 2, tmp_path)
    step.setup()
    images = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    direct = [[box for box, _ in of_image] for of_image in step.detector.find(images)]
    (work,) = step.shards(ImageShards(shard.parent), ["train-00000"])
    step.run(work, tmp_path)
    kept = box_source(detector(), [tmp_path / "boxes" / "train-00000.parquet"]).find(["a", "b"])
    assert all(len(of_image) for of_image in direct) and len(kept) == 2
    assert [len(of_image) for of_image in kept] == [len(of_image) for of_image in direct]


def test_a_grid_needs_no_tables(shard, tmp_path):
    params = GenerateParams.model_validate(GENERATE)
    with boxes_by_shard(params, tmp_path, ImageShards(shard.parent), ["train-00000"], tmp_path) as found:
        assert found == (None, {})
    assert box_source(params.boxes, []).find(["a"]) == [grid_boxes(GridBoxes.model_validate(GENERATE["boxes"]))]
