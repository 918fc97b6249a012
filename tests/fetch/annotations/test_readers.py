"""Readers of the official annotation files, with their quirks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.fetch.files import write, write_json

from pipeline.fetch.annotations.builder import Rows
from pipeline.fetch.annotations.visual_genome import BoxIndex
from pipeline.fetch.packing.dropped import Ledger
from pipeline.fetch.stages.annotations_params import FetchAnnotationsParams
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
    params = FetchAnnotationsParams.model_validate({"sources": [source]}).sources[0]
    return params.read(root, Ledger(params.name))


def reasons(annotations: Any) -> dict[str, int]:
    return annotations.ledger.faults()


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


def test_regions_and_questions_of_unknown_images_are_dropped(tmp_path: Path) -> None:
    visual_genome(tmp_path)
    write_json(tmp_path / "vg/image_data.json", [{"image_id": 1, "width": 100, "height": 50}])
    annotations = read(tmp_path, VG)
    assert reasons(annotations) == {"unknown image": 2}
    assert annotations.ledger.examples["unknown image"] == "vg/region_descriptions.json, 1: image 2"
    assert [image.key for image in annotations.images] == ["vg-1"]
    with pytest.raises(ValidationError, match="needs region_descriptions"):
        FetchAnnotationsParams.model_validate({"sources": [VG | {"region_descriptions": None}]})


def test_a_phrase_of_megabytes_is_dropped_and_its_neighbours_stay(tmp_path: Path) -> None:
    visual_genome(tmp_path)
    regions = [region(1, (0, 0, 1, 1), "a"), region(2, (0, 0, 1, 1), "é" * 3_000_000), region(3, (0, 0, 1, 1), "c")]
    write_json(tmp_path / VG["region_descriptions"], [{"id": 1, "regions": regions}])
    annotations = read(tmp_path, VG)
    assert annotations.regions.table()["phrase"].to_pylist() == ["a", "c"]
    assert reasons(annotations) == {"bad field: phrase": 1}
    assert annotations.dropped[0]["key"] == "region_descriptions.json/0/regions/1"


def test_a_gqa_id_of_megabytes_is_dropped(tmp_path: Path) -> None:
    write_json(tmp_path / "gqa/q.json", {"7" * 6_000_000: gqa("1", "What?", "a dog"), "8": gqa("1", "What?", "a cat")})
    annotations = read(tmp_path, GQA | {"image_data": None})
    assert annotations.questions.table()["question_id"].to_pylist() == ["8"]
    assert [(row["key"], row["reason"]) for row in annotations.dropped] == [
        (f"q.json/{'7' * 100}", "bad field: question id")
    ]


@pytest.mark.parametrize(
    "broken",
    [{"x": "1"}, {"x": None}, {"x": True}, {"x": 1e300}, {"phrase": 3}, {"phrase": None}, {"region_id": None}],
)
def test_a_damaged_region_is_dropped_with_its_field(tmp_path: Path, broken: dict[str, Any]) -> None:
    visual_genome(tmp_path)
    regions = [region(1, (0, 0, 1, 1), "a") | broken, region(2, (0, 0, 1, 1), "b")]
    write_json(tmp_path / VG["region_descriptions"], [{"id": 1, "regions": regions}])
    annotations = read(tmp_path, VG)
    name = next(iter(broken))
    assert reasons(annotations) == {f"bad field: {name}": 1}
    assert annotations.ledger.examples[f"bad field: {name}"].startswith("vg/region_descriptions.json, 0/regions/0: {")
    assert annotations.dropped[0]["key"] == "region_descriptions.json/0/regions/0"
    assert annotations.regions.table()["region_id"].to_pylist() == ["2"]


def test_an_image_that_is_null_and_a_mapping_to_null_are_dropped(tmp_path: Path) -> None:
    visual_genome(tmp_path)
    content = json.loads((tmp_path / VG["region_descriptions"]).read_text())
    write_json(tmp_path / VG["region_descriptions"], [None, *content])
    write_json(tmp_path / VG["qa_to_region_mapping"], {"5": None, "6": 11})
    annotations = read(tmp_path, VG)
    assert reasons(annotations) == {"bad field: regions": 1, "no region for a question": 1}
    assert [row["box"] is None for row in annotations.questions.table().to_pylist()] == [True, False]


def test_a_region_that_comes_twice_is_kept_once_and_named(tmp_path: Path) -> None:
    visual_genome(tmp_path)
    twice = [region(10, (0, 0, 1, 1), "a"), region(10, (0, 0, 1, 1), "a"), region(11, (0, 0, 1, 1), "b")]
    write_json(tmp_path / VG["region_descriptions"], [{"id": 1, "regions": twice}])
    annotations = read(tmp_path, VG)
    assert annotations.regions.table()["region_id"].to_pylist() == ["10", "11"]
    assert annotations.ledger.examples == {"repeated id": "vg/region_descriptions.json: vg-1/region/10"}


@pytest.mark.parametrize("coco_id", [77, 77.0, "77", "77.0", "000077"])
def test_one_photograph_is_one_however_its_id_is_written(tmp_path: Path, coco_id: Any) -> None:
    visual_genome(tmp_path)
    write_json(tmp_path / "vg/image_data.json", [{"image_id": 1.0, "width": 9, "height": 9, "coco_id": coco_id}])
    vqav2(tmp_path, image_id=77, asked_about="77.0")
    ours, theirs = read(tmp_path, VG), read(tmp_path, VQA)
    assert ours.images[0].source_image_id == theirs.images[0].source_image_id == "coco:77"
    assert (ours.images[0].key, theirs.images[0].file_name) == ("vg-1", "COCO_train2014_000000000077.jpg")


@pytest.mark.parametrize("coco_id", [None, float("nan"), -1, -1.0, "-1", 0, "0", 0.0, ""])
def test_an_image_without_an_id_of_coco_is_visual_genomes_own(tmp_path: Path, coco_id: Any) -> None:
    visual_genome(tmp_path)
    images = [{"image_id": number, "width": 9, "height": 9, "coco_id": coco_id} for number in (1, 2, 3)]
    write_json(tmp_path / "vg/image_data.json", images)
    annotations = read(tmp_path, VG)
    assert [image.source_image_id for image in annotations.images] == ["vg:1", "vg:2"]
    assert annotations.ledger.examples == {}


@pytest.mark.parametrize("url", [None, float("nan"), 3, ["u"], " "])
def test_what_is_no_text_is_no_url(tmp_path: Path, url: Any) -> None:
    info = {"images": [{"id": 458, "file_name": "a.jpg", "coco_url": url, "flickr_url": " f "}]}
    vqav2(tmp_path)
    write_json(tmp_path / "vqa/info.json", info)
    assert read(tmp_path, VQA | {"image_info": "vqa/info.json"}).images[0].url == "f"
    write(tmp_path / "own/q.jsonl", json.dumps({"image": "a.jpg", "question": "?", "answer": "a", "url": url}))
    assert read(tmp_path, JSONL).images[0].url == ""


def test_half_a_surrogate_pair_becomes_a_question_mark(tmp_path: Path) -> None:
    write(tmp_path / "own/q.jsonl", r'{"image": "a.jpg", "question": "a \ud83d at sea?", "answer": "\ud83d\ude00"}')
    row = read(tmp_path, JSONL).questions.table().to_pylist()[0]
    assert (row["question"], row["answers"]) == ("a ? at sea?", ["\N{GRINNING FACE}"])


def test_a_phrase_with_half_a_surrogate_pair_is_kept(tmp_path: Path) -> None:
    visual_genome(tmp_path)
    regions = [{"id": 1, "regions": [region(11, (0, 0, 5, 5), "a dog \ud83d at sea")]}]
    write_json(tmp_path / VG["region_descriptions"], regions)
    annotations = read(tmp_path, VG)
    assert annotations.regions.table()["phrase"].to_pylist() == ["a dog ? at sea"]
    assert annotations.dropped == []


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


def vqav2(root: Path, asked_about: Any = 458, **changes: Any) -> None:
    answers = [{"answer": text, "answer_id": i} for i, text in enumerate(["net"] * 6 + ["mesh"] * 4)]
    record = {"question_id": 4580, "image_id": 458, "answers": answers, "answer_type": "other"} | changes
    question = {"image_id": asked_about, "question": "What is this?", "question_id": 4580}
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
def test_a_question_without_answers_about_its_image_is_dropped(tmp_path: Path, changes: dict[str, Any]) -> None:
    vqav2(tmp_path, **changes)
    annotations = read(tmp_path, VQA)
    assert reasons(annotations) == {"no matching answers": 1}
    assert annotations.ledger.examples["no matching answers"].startswith("vqa/a.json, questions/0: question 4580")


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
    annotations = read(tmp_path, source)
    assert annotations.questions.table()["question_id"].to_pylist() == ["0"]
    assert annotations.ledger.examples["bad field: answer"].startswith("gqa/all/train_all_questions_1.json, 1: {")


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
    assert reasons(read(tmp_path, COCO)) == {"unknown category": 1}
    boxes = [boxes[0] | {"id": 7, "bbox": sides} for sides in ([], [1, 2, 3, None], [1, 2, 3, 4])]
    write_json(tmp_path / "coco/i.json", {"images": images, "annotations": boxes, "categories": categories})
    assert reasons(read(tmp_path, COCO)) == {"bad field: bbox": 2}


def test_images_of_one_base_name_keep_their_own_boxes(tmp_path: Path) -> None:
    names = {1: "a/1.jpg", 2: "b/1.jpg"}
    images = [{"id": i, "file_name": name, "width": 20, "height": 10} for i, name in names.items()]
    boxes = [{"id": i, "image_id": 1 + i % 2, "category_id": 3, "bbox": [0, 0, 5, 5]} for i in range(4)]
    categories = [{"id": 3, "name": "car"}]
    write_json(tmp_path / "coco/i.json", {"images": images, "annotations": boxes, "categories": categories})
    annotations = read(tmp_path, COCO | {"captions": None})
    keys = {image.file_name: image.key for image in annotations.images}
    assert set(keys) == set(names.values()) and len(set(keys.values())) == 2
    assert {row["region_id"]: row["key"] for row in annotations.regions.table().to_pylist()} == {
        f"box-{i}": keys[names[1 + i % 2]] for i in range(4)
    }


def test_two_sources_can_share_out_the_images_of_one_file(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(20) for _ in range(2)]
    lines = [json.dumps({"image": name, "question": "Who?", "answer": "he"}) for name in names]
    write(tmp_path / "own/q.jsonl", "\n".join(lines))
    parts = [read(tmp_path, JSONL | {"share": share}).images for share in ([0, 0.5], [0.5, 1])]
    assert all(parts)
    assert sorted(image.file_name for part in parts for image in part) == sorted(set(names))


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
        annotations = read(tmp_path, JSONL)
        assert annotations.questions.table().num_rows == 1
        assert [row["key"] for row in annotations.dropped] == ["q.jsonl/line 2"]
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


def test_rows_are_kept_in_chunks() -> None:
    rows = Rows(REGIONS.schema)
    for number in range(100_001):
        rows.add({"key": "k", "region_id": str(number), "box": [0, 0, 1, 1], "phrase": "p", "source": "s", "split": ""})
    assert [chunk.num_rows for chunk in rows.chunks] == [50_000, 50_000]
    assert rows.table()["region_id"].to_pylist() == [str(number) for number in range(100_001)]
