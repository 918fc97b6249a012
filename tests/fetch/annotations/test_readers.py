"""Readers of the official annotation files, with their quirks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.fetch.files import write, write_json

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.builder import Rows
from pipeline.fetch.annotations.visual_genome import BoxIndex
from pipeline.fetch.stages.annotations_params import FetchAnnotationsParams
from pipeline.fetch.stages.splits import val_source_images
from pipeline.storage.boxes import fraction_box
from pipeline.tables.annotations import REGIONS

VG: dict[str, Any] = {
    "kind": "visual_genome",
    "name": "vg",
    "images": "vg",
    "image_data": "vg/image_data.json",
    "region_descriptions": "vg/region_descriptions.json",
    "question_answers": "vg/question_answers.json",
    "qa_to_region_mapping": "vg/qa_to_region_mapping.json",
}
VQA: dict[str, Any] = {
    "kind": "vqav2",
    "name": "vqa",
    "images": "vqa",
    "questions": "vqa/q.json",
    "annotations": "vqa/a.json",
}
GQA = {"kind": "gqa", "name": "gqa", "images": "gqa", "questions": "gqa/q.json", "image_data": "vg/image_data.json"}
COCO = {"kind": "coco", "name": "coco", "images": "coco", "boxes": "coco/i.json", "captions": "coco/c.json"}
JSONL = {"kind": "jsonl", "name": "own", "images": "own", "questions": "own/q.jsonl"}


def read(root: Path, source: dict[str, Any]) -> Any:
    return FetchAnnotationsParams.model_validate({"sources": [source]}).sources[0].read(root)


def region(region_id: int, box: tuple[int, int, int, int], phrase: str, name: str = "region_id") -> dict[str, Any]:
    return {name: region_id, "phrase": phrase} | dict(zip(("x", "y", "width", "height"), box, strict=True))


def visual_genome(root: Path) -> None:
    data = [
        {"image_id": 1, "width": 100, "height": 50, "url": "https://host/VG_100K_2/1.jpg", "coco_id": 77},
        {"id": 2, "width": 10, "height": 10, "url": "toyworld://0/annotations/2", "coco_id": None},
        {"image_id": 3, "width": 10, "height": 10, "url": "", "coco_id": None},
    ]
    regions = [
        {"id": 1, "regions": [region(11, (-10, 5, 60, 20), " a  dog "), region(12, (10, 0, 200, 50), "all", "id")]},
        {"image_id": 2, "regions": [region(21, (20, 0, 5, 5), "outside"), region(22, (0, 0, 5, 5), " ")]},
        {"id": 3, "regions": []},
    ]
    answers = [
        {"id": 1, "qas": [{"qa_id": 5, "image_id": 1, "question": "What is it?", "answer": "A dog."}]},
        {"id": 2, "qas": [{"qa_id": 6, "question": "Is it red?", "answer": "Yes."}]},
        {"id": 3, "qas": []},
    ]
    for name, content in (("image_data", data), ("region_descriptions", regions), ("question_answers", answers)):
        write_json(root / f"vg/{name}.json", content)
    write_json(root / "vg/qa_to_region_mapping.json", {"5": 11, "999": 12})


def test_visual_genome(tmp_path: Path) -> None:
    visual_genome(tmp_path)
    annotations = read(tmp_path, VG)
    regions = annotations.regions.table().to_pylist()
    assert [(row["key"], row["region_id"], row["phrase"]) for row in regions] == [
        ("vg-1", "11", "a dog"),
        ("vg-1", "12", "all"),
    ]
    assert np.allclose(regions[0]["box"], [0, 0.1, 0.5, 0.5])
    assert np.allclose(regions[1]["box"], [0.1, 0, 1, 1])
    questions = annotations.questions.table().to_pylist()
    assert np.allclose(questions[0]["box"], [0, 0.1, 0.5, 0.5])
    assert questions[1]["box"] is None
    assert [(row["question_type"], row["answer_type"]) for row in questions] == [
        ("what", "other"),
        ("binary", "yes/no"),
    ]
    assert {row["reason"]: row["key"] for row in annotations.dropped} == {
        "box outside the image": "vg-2/region/21",
        "no phrase": "vg-2/region/22",
    }
    assert [(image.key, image.file_name, image.url, image.source_image_id) for image in annotations.images] == [
        ("vg-1", "VG_100K_2/1.jpg", "https://host/VG_100K_2/1.jpg", "coco:77"),
        ("vg-2", "2.jpg", "toyworld://0/annotations/2", "vg:2"),
    ]


def test_visual_genome_of_mixed_releases_is_refused(tmp_path: Path) -> None:
    visual_genome(tmp_path)
    write_json(tmp_path / "vg/image_data.json", [{"image_id": 1, "width": 100, "height": 50}])
    with pytest.raises(UserError, match="image_data does not list") as error:
        read(tmp_path, VG)
    assert error.value.where == "vg/region_descriptions.json"
    with pytest.raises(ValidationError, match="needs region_descriptions"):
        FetchAnnotationsParams.model_validate({"sources": [VG | {"region_descriptions": None}]})


@pytest.mark.parametrize(
    "broken", [{"x": "1"}, {"x": None}, {"x": True}, {"x": float("inf")}, {"phrase": 3}, {"region_id": None}]
)
def test_a_damaged_region_is_named(tmp_path: Path, broken: dict[str, Any]) -> None:
    visual_genome(tmp_path)
    write_json(tmp_path / VG["region_descriptions"], [{"id": 1, "regions": [region(1, (0, 0, 1, 1), "a") | broken]}])
    with pytest.raises(UserError) as error:
        read(tmp_path, VG)
    assert error.value.where == "vg/region_descriptions.json"


def test_boxes_of_many_regions_are_found_by_id() -> None:
    rng = np.random.default_rng(0)
    ids = rng.permutation(50_000)[:20_000].tolist()
    boxes = rng.random((20_000, 4)).tolist()
    index, slow = BoxIndex(ids, boxes), dict(zip(ids, boxes, strict=True))
    for region_id in range(0, 50_000, 501):
        box = index.get(region_id)
        assert (box is None) == (region_id not in slow)
        assert box is None or np.allclose(box, slow[region_id], atol=1e-7)
    assert index.get(None) is BoxIndex([], []).get(3) is None


def vqav2(root: Path, **changes: Any) -> None:
    answers = [{"answer": text, "answer_id": i} for i, text in enumerate(["net"] * 6 + ["mesh"] * 4)]
    record = {"question_id": 4580, "image_id": 458, "answers": answers, "answer_type": "other"} | changes
    question = {"image_id": 458, "question": "What is this?", "question_id": 4580}
    write_json(root / "vqa/q.json", {"data_subtype": "train2014", "questions": [question]})
    write_json(root / "vqa/a.json", {"annotations": [record]})


def test_vqav2(tmp_path: Path) -> None:
    vqav2(tmp_path)
    annotations = read(tmp_path, VQA)
    row = annotations.questions.table().to_pylist()[0]
    assert row["answers"] == ["net"] * 6 + ["mesh"] * 4
    assert (row["question_id"], row["question_type"], row["answer_type"]) == ("4580", "what", "other")
    assert annotations.images[0].file_name == "COCO_train2014_000000000458.jpg"
    assert annotations.images[0].source_image_id == "coco:458"
    info = {"images": [{"id": 458, "file_name": "x/COCO_train2014_000000000458.jpg", "coco_url": "toyworld://1"}]}
    write_json(tmp_path / "vqa/info.json", info)
    image = read(tmp_path, VQA | {"image_info": "vqa/info.json"}).images[0]
    assert (image.url, image.key) == ("toyworld://1", "vqa-COCO_train2014_000000000458")


@pytest.mark.parametrize("changes", [{"question_id": 1}, {"image_id": 9}])
def test_questions_and_annotations_of_two_splits_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    vqav2(tmp_path, **changes)
    with pytest.raises(UserError, match="do not fit each other") as error:
        read(tmp_path, VQA)
    assert error.value.where == "vqa/q.json and vqa/a.json"


def gqa(image_id: str, question: str, answer: str) -> dict[str, Any]:
    return {"imageId": image_id, "question": question, "answer": answer, "fullAnswer": "", "isBalanced": True}


def test_gqa(tmp_path: Path) -> None:
    visual_genome(tmp_path)
    write_json(
        tmp_path / "gqa/q.json",
        {"07": gqa("1", "Is it  red?", "yes"), "08": gqa("n9", "What is it?", "a dog"), "09": gqa("1", "", "x")},
    )
    annotations = read(tmp_path, GQA)
    rows = annotations.questions.table().to_pylist()
    assert [(row["key"], row["question_id"], row["question"], row["answers"], row["box"]) for row in rows] == [
        ("gqa-1", "07", "Is it red?", ["yes"], None),
        ("gqa-n9", "08", "What is it?", ["a dog"], None),
    ]
    assert [row["answer_type"] for row in rows] == ["yes/no", "other"]
    assert [(image.file_name, image.source_image_id) for image in annotations.images] == [
        ("1.jpg", "coco:77"),
        ("n9.jpg", "vg:n9"),
    ]
    assert annotations.images[0].source_image_id == read(tmp_path, VG).images[0].source_image_id
    assert [row["reason"] for row in annotations.dropped] == ["no question"]


def test_gqa_in_several_files(tmp_path: Path) -> None:
    source = GQA | {"questions": "gqa/all", "image_data": None}
    for number in (1, 0):
        write_json(tmp_path / f"gqa/all/train_all_questions_{number}.json", {f"{number}": gqa("4", "What?", "tree")})
    assert [row["question_id"] for row in read(tmp_path, source).questions.table().to_pylist()] == ["0", "1"]
    write_json(tmp_path / "gqa/all/train_all_questions_1.json", {"1": {"imageId": "4", "question": "What?"}})
    with pytest.raises(UserError, match="not as expected") as error:
        read(tmp_path, source)
    assert error.value.where == "gqa/all/train_all_questions_1.json"


def test_coco_boxes_and_captions(tmp_path: Path) -> None:
    images = [{"id": 5, "file_name": "5.jpg", "width": 200, "height": 100, "coco_url": "http://c/5"}]
    boxes = [
        {"id": 1, "image_id": 5, "category_id": 3, "bbox": [50, 50, 100, 100], "iscrowd": 0},
        {"id": 2, "image_id": 5, "category_id": 3, "bbox": [0, 0, 10, 10], "iscrowd": 1},
    ]
    categories = [{"id": 3, "name": "car"}]
    write_json(tmp_path / "coco/i.json", {"images": images, "annotations": boxes, "categories": categories})
    caption = {"id": 1, "image_id": 5, "caption": "A car ."}
    write_json(tmp_path / "coco/c.json", {"images": images, "annotations": [caption]})
    annotations = read(tmp_path, COCO)
    rows = {row["region_id"]: (row["box"], row["phrase"]) for row in annotations.regions.table().to_pylist()}
    assert rows == {"box-1": ([0.25, 0.5, 0.75, 1.0], "car"), "caption-1": ([0, 0, 1, 1], "A car .")}
    assert [row["reason"] for row in annotations.dropped] == ["box of a crowd"]
    assert [image.source_image_id for image in annotations.images] == ["coco:5"]
    write_json(tmp_path / "coco/i.json", {"images": images, "annotations": boxes, "categories": []})
    with pytest.raises(UserError, match="unknown category"):
        read(tmp_path, COCO)


def test_jsonl(tmp_path: Path) -> None:
    lines = [
        '{"question_id": 10, "image": "a.jpg", "question": "How many ?", "answers": ["2", "tape_dispenser"]}',
        "",
        '{"image": "a.jpg", "question": "Who?", "answer": " ", "url": "u"}',
        '{"image": "b.jpg", "question": "Is it?", "answer": "no", "url": "u"}',
    ]
    write(tmp_path / "own/q.jsonl", "\n".join(lines))
    annotations = read(tmp_path, JSONL)
    rows = annotations.questions.table().to_pylist()
    assert [(row["key"], row["question_id"], row["answers"]) for row in rows] == [
        ("own-a", "10", ["2", "tape_dispenser"]),
        ("own-b", "4", ["no"]),
    ]
    assert [row["reason"] for row in annotations.dropped] == ["no answer"]
    spaced = read(tmp_path, JSONL | {"underscore_is_space": True}).questions.table().to_pylist()
    assert spaced[0]["answers"] == ["2", "tape dispenser"]
    for text in ("{", "[]", '{"image": "a.jpg", "question": "?"}'):
        write(tmp_path / "own/q.jsonl", lines[0] + "\n" + text)
        with pytest.raises(UserError) as error:
            read(tmp_path, JSONL)
        assert error.value.where == "own/q.jsonl, line 2"
    write(tmp_path / "own/q.jsonl", "")
    assert read(tmp_path, JSONL).images == []


SIDE = st.floats(-300, 300, allow_nan=False)


@given(SIDE, SIDE, SIDE, SIDE, st.integers(1, 200), st.integers(1, 200))
def test_boxes_lie_inside_the_image(x: float, y: float, width: float, height: float, w: int, h: int) -> None:
    box = fraction_box(x, y, width, height, w, h)
    inside = min(x + width, w) > max(x, 0) and min(y + height, h) > max(y, 0)
    if box is None:
        assert not inside or min(min(x + width, w) - max(x, 0), min(y + height, h) - max(y, 0)) < 1e-9
    else:
        assert 0 <= box[0] < box[2] <= 1
        assert 0 <= box[1] < box[3] <= 1
        expected = [max(x, 0) / w, max(y, 0) / h, min(x + width, w) / w, min(y + height, h) / h]
        assert np.allclose(box, expected)


def test_entries_of_one_source_image_stay_together() -> None:
    images = [(f"p{i}", "train") for i in range(50)] + [(f"p{i}", "val") for i in range(5)]
    val = val_source_images(images, 10)
    assert len(val) == 15
    assert {f"p{i}" for i in range(5)} <= val
    assert val == val_source_images(reversed(images), 10)
    with pytest.raises(UserError, match="No source image is left"):
        val_source_images(images, 45)


def test_rows_are_kept_in_chunks() -> None:
    rows = Rows(REGIONS.schema)
    for number in range(100_001):
        rows.add({"key": "k", "region_id": str(number), "box": [0, 0, 1, 1], "phrase": "p", "source": "s", "split": ""})
    assert [chunk.num_rows for chunk in rows.chunks] == [50_000, 50_000]
    assert rows.table()["region_id"].to_pylist() == [str(number) for number in range(100_001)]
