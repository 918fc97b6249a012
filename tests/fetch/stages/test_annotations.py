"""The stage's work as a whole: annotations with their images, split by source image."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from tests.fetch.files import encoded, jpeg, write, write_json, write_zip

from pipeline.core.errors import UserError
from pipeline.fetch.stages.annotations import fetch_annotations
from pipeline.fetch.stages.annotations_params import FetchAnnotationsParams
from pipeline.storage.shards import ImageShards
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.pairs import DROPPED

VG = {
    "kind": "visual_genome",
    "name": "vg",
    "images": "raw/vg",
    "image_data": "raw/vg/image_data.json",
    "region_descriptions": "raw/vg/region_descriptions.json",
    "question_answers": None,
    "qa_to_region_mapping": None,
}
VQA = {
    "kind": "vqav2",
    "name": "vqa",
    "images": "raw/vqa",
    "questions": "raw/vqa/q.json",
    "annotations": "raw/vqa/a.json",
}


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Twelve images of Visual Genome and eight of VQAv2; six of the latter show a source image of the former."""
    data = [{"image_id": i, "width": 24, "height": 16, "url": f"u{i}", "coco_id": 100 + i} for i in range(12)]
    box = {"x": 0, "y": 0, "width": 12, "height": 16}
    regions = [
        {"id": i, "regions": [box | {"region_id": 10 * i + k, "phrase": f"p{k}"} for k in range(3)]} for i in range(12)
    ]
    write_json(tmp_path / "raw/vg/image_data.json", data)
    write_json(tmp_path / "raw/vg/region_descriptions.json", regions)
    write_zip(tmp_path / "raw/vg/images.zip", {f"VG_100K/{i}.jpg": jpeg(i) for i in range(12)})
    ids = range(106, 114)
    questions = [{"image_id": i, "question": "What?", "question_id": 10 * i} for i in ids]
    answers = [{"image_id": i, "question_id": 10 * i, "answers": [{"answer": "a"}]} for i in ids]
    write_json(tmp_path / "raw/vqa/q.json", {"data_subtype": "val2014", "questions": questions})
    write_json(tmp_path / "raw/vqa/a.json", {"annotations": answers})
    write_zip(tmp_path / "raw/vqa/v.zip", {f"val2014/COCO_val2014_{i:012d}.jpg": jpeg(i) for i in ids})
    return tmp_path


def fetch(root: Path, into: str = "out", **more: Any) -> dict[str, Any]:
    params = FetchAnnotationsParams.model_validate({"sources": [VG, VQA], "shard_size": 4} | more)
    return fetch_annotations(params, root, root / into, root / ".finealign")


def test_tables_fit_each_other_and_source_images_stay_together(raw: Path) -> None:
    counts = fetch(raw, val_source_images=4)
    shards = ImageShards(raw / "out")
    manifest = {row["key"]: row for row in shards.manifest.to_pylist()}
    regions = REGIONS.read(raw / "out/regions.parquet").to_pylist()
    questions = QUESTIONS.read(raw / "out/questions.parquet").to_pylist()
    assert len(regions) == 36
    assert len(questions) == 8
    assert len(manifest) == 20
    for row in [*regions, *questions]:
        assert row["split"] == manifest[row["key"]]["split"]
    split_of = {key: row["split"] for key, row in manifest.items()}
    for i in range(6, 12):
        assert split_of[f"vg-{i}"] == split_of[f"vqa-COCO_val2014_{100 + i:012d}"]
    assert sum(counts["images"].values()) == 20
    assert 4 <= counts["images"]["val"] <= 8
    assert manifest["vg-3"]["url"] == "u3"
    assert shards.jpeg("vg-3") == jpeg(3)
    assert all(row["box"] == [0, 0, 0.5, 1] for row in regions)


def test_a_val_source_takes_its_source_images_along(raw: Path) -> None:
    params = {"sources": [VG, VQA | {"split": "val"}], "val_source_images": 0}
    assert fetch(raw, **params)["images"] == {"train": 6, "val": 14}


def test_photographs_held_back_for_the_judge_lie_beside_the_others(raw: Path) -> None:
    counts = fetch(raw, sources=[VG, VQA | {"split": "judge"}], val_source_images=2)
    assert counts["images"] == {"train": 4, "val": 2, "judge": 14}
    assert counts["questions"] == {"train": 0, "val": 0, "judge": 8}
    assert counts["regions"]["judge"] == 18
    assert set(ImageShards(raw / "out").shards("judge")) == {f"judge-{n:05d}" for n in (2, 3, 4, 5)}
    assert fetch(raw, judge_source_images=3)["images"].keys() == {"train", "val", "judge"}
    with pytest.raises(ValidationError, match="one of train, val, judge, test, not dev"):
        fetch(raw, sources=[VG | {"split": "dev"}])


def test_a_test_source_takes_its_source_images_along_and_is_counted(raw: Path) -> None:
    counts = fetch(raw, sources=[VG, VQA | {"split": "test"}], val_source_images=2, judge_source_images=1)
    assert counts["images"] == {"train": 3, "val": 2, "judge": 1, "test": 14}
    assert counts["questions"] == {"train": 0, "val": 0, "test": 8}
    assert counts["regions"]["test"] == 18
    for table, name in ((REGIONS, "regions"), (QUESTIONS, "questions")):
        rows = table.read(raw / f"out/{name}.parquet").to_pylist()
        assert sum(row["split"] == "test" for row in rows) == counts[name]["test"]


def test_the_same_bytes_whatever_the_number_of_workers(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(raw, val_source_images=4)
    monkeypatch.setenv("FINEALIGN_WORKERS", "2")
    params = FetchAnnotationsParams.model_validate({"sources": [VG, VQA], "shard_size": 4, "val_source_images": 4})
    fetch_annotations(params, raw, raw / "two", raw / "other_scratch")
    one, two = (
        {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (raw / name).iterdir()} for name in ("out", "two")
    )
    assert one == two


def reasons(root: Path) -> dict[str, str]:
    return {row["key"]: row["reason"] for row in DROPPED.read(root / "out/dropped.parquet").to_pylist()}


def test_an_image_that_is_missing_or_damaged_is_left_out_with_its_regions(raw: Path) -> None:
    write_zip(raw / "raw/vg/images.zip", {f"VG_100K/{i}.jpg": jpeg(i) for i in range(11)})
    counts = fetch(raw)
    assert counts["images"] == {"train": 19, "val": 0}
    assert counts["dropped"] == {"image missing": 1, "its image was left out": 3}
    assert reasons(raw)["vg-11/region/111"] == "its image was left out"
    write(raw / "raw/vg/11.jpg", b"no image")
    assert fetch(raw)["dropped"] == {"no image": 1, "its image was left out": 3}
    assert sorted({row["key"] for row in REGIONS.read(raw / "out/regions.parquet").to_pylist()}) == sorted(
        f"vg-{i}" for i in range(11)
    )


def test_too_many_damaged_images_end_the_stage_with_an_example_of_each_reason(raw: Path) -> None:
    write_zip(raw / "raw/vg/images.zip", {f"VG_100K/{i}.jpg": jpeg(i) for i in range(9)})
    write(raw / "raw/vg/9.jpg", b"no image")
    with pytest.raises(UserError, match="3 of 12 samples of source 'vg' are damaged") as error:
        fetch(raw, max_dropped_share=0.2)
    assert error.value.where == "raw/vg/image_data.json"
    assert error.value.expected == "at most 20.0% (fetch_annotations.max_dropped_share)"
    assert error.value.found == (
        "2 × image missing (such as raw/vg/image_data.json: image 10: no 10.jpg in raw/vg); "
        "1 × no image (such as raw/vg/9.jpg)"
    )
    assert not (raw / "out/manifest.parquet").exists()
    assert fetch(raw, max_dropped_share=0.25)["images"]["train"] == 17
    write_zip(raw / "raw/vg/images.zip", {f"VG_100K/{i}.jpg": jpeg(i) for i in range(11)})
    write(raw / "raw/vg/9.jpg", jpeg(9))
    with pytest.raises(UserError, match="1 of 12 samples"):
        fetch(raw, max_dropped_share=0.0)


def test_a_region_that_comes_twice_is_dropped_and_counted(raw: Path) -> None:
    path = raw / "raw/vg/region_descriptions.json"
    content = json.loads(path.read_text())
    content[0]["regions"][1]["region_id"] = content[0]["regions"][0]["region_id"]
    write_json(path, content)
    assert fetch(raw)["dropped"] == {"repeated id": 1}
    assert reasons(raw) == {"vg-0/region/0": "repeated id"}


def half_red(orientation: int) -> bytes:
    """A JPEG of 80 x 40 whose left half, as it lies in the file, is red, with an orientation in its EXIF."""
    picture = Image.new("RGB", (80, 40), "blue")
    picture.paste("red", (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture, "JPEG", exif=exif)


@pytest.mark.parametrize(
    ("orientation", "size", "expected"),
    [
        (1, (80, 40), [0, 0, 0.5, 1]),
        (6, (80, 40), [0, 0, 1, 0.5]),
        (8, (80, 40), [0, 0.5, 1, 1]),
        (5, (80, 40), [0, 0, 1, 0.5]),
        (7, (80, 40), [0, 0.5, 1, 1]),
        (6, (40, 80), [0, 0, 1, 0.5]),
        (6, (800, 400), None),
        (3, (80, 40), None),
    ],
)
def test_boxes_are_turned_with_their_picture(
    tmp_path: Path, orientation: int, size: tuple[int, int], expected: list[float] | None
) -> None:
    write(tmp_path / "coco/1.jpg", half_red(orientation))
    box = [0, 0, 40, 40]  # the left half as it lay, the upper half as it stands
    boxes = [{"id": 1, "image_id": 1, "category_id": 3, "bbox": box}]
    images = [{"id": 1, "file_name": "1.jpg", "width": size[0], "height": size[1]}]
    write_json(
        tmp_path / "coco/i.json",
        {"images": images, "annotations": boxes, "categories": [{"id": 3, "name": "red"}]},
    )
    captions = [{"id": 1, "image_id": 1, "caption": "red and blue"}]
    write_json(tmp_path / "coco/c.json", {"images": images, "annotations": captions})
    source = {"kind": "coco", "name": "c", "images": "coco", "boxes": "coco/i.json", "captions": "coco/c.json"}
    fetch(tmp_path, sources=[source])
    rows = {row["region_id"]: row["box"] for row in REGIONS.read(tmp_path / "out/regions.parquet").to_pylist()}
    assert rows.pop("caption-1") == [0, 0, 1, 1]
    assert rows == ({} if expected is None else {"box-1": expected})
    assert reasons(tmp_path) == ({} if expected else {"c-1/region/box-1": "box of a turned image"})
    if expected:
        stored = ImageShards(tmp_path / "out").image("c-1").convert("RGB")
        middle = (expected[0] + expected[2]) / 2 * stored.width, (expected[1] + expected[3]) / 2 * stored.height
        red, _, blue = np.asarray(stored)[int(middle[1]), int(middle[0])]
        assert red > 200 > 50 > blue


def test_boxes_of_regions_and_of_their_questions_are_turned_with_their_picture(tmp_path: Path) -> None:
    box = {"x": 0, "y": 0, "width": 40, "height": 40}
    contents = {
        "image_data": [{"image_id": 1, "width": 80, "height": 40}],
        "region_descriptions": [{"id": 1, "regions": [box | {"region_id": 11, "phrase": "red"}]}],
        "question_answers": [{"id": 1, "qas": [{"qa_id": 5, "question": "What colour is it?", "answer": "Red."}]}],
        "qa_to_region_mapping": {"5": 11},
    }
    for name, content in contents.items():
        write_json(tmp_path / f"raw/vg/{name}.json", content)
    write(tmp_path / "raw/vg/1.jpg", half_red(6))
    fetch(tmp_path, sources=[VG | {name: f"raw/vg/{name}.json" for name in contents}])
    for table in (REGIONS, QUESTIONS):
        rows = table.read(tmp_path / f"out/{table.name}.parquet").to_pylist()
        assert [(row["key"], row["box"]) for row in rows] == [("vg-1", [0, 0, 1, 0.5])]
    assert reasons(tmp_path) == {}


def test_one_photograph_is_in_one_split_however_its_id_is_written(raw: Path) -> None:
    path = raw / "raw/vg/image_data.json"
    content = json.loads(path.read_text())
    write_json(path, [{**record, "coco_id": float(record["coco_id"])} for record in content])
    counts = fetch(raw, sources=[VG, VQA | {"split": "val"}])
    assert counts["images"] == {"train": 6, "val": 14}


def test_real_annotations(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "real").symlink_to(real_data)
    coco = {"kind": "coco", "images": "real/coco-mini"}
    files = {s: {k: f"real/coco-mini/{k}_{s}2017.json" for k in ("boxes", "captions")} for s in ("train", "val")}
    vg = dict.fromkeys(("image_data", "region_descriptions", "qa_to_region_mapping"))
    sources = [
        {"kind": "jsonl", "name": "daquar", "images": "real/daquar", "questions": "real/daquar/qa-train.jsonl"},
        coco | {"name": "coco_train"} | files["train"],
        coco | {"name": "coco_val", "split": "val"} | files["val"],
        VQA | {"images": "real/samples/images/vqav2", "questions": "real/samples/vqav2/questions.json"}
        | {"annotations": "real/samples/vqav2/annotations.json"},
        VG | vg | {"images": "real/samples/images/vgqa"}
        | {"question_answers": "real/samples/vgqa/question_answers.json"},
    ]  # fmt: skip
    counts = fetch(tmp_path, sources=sources, val_source_images=50, shard_size=500)
    assert counts["images"] == {"train": 827, "val": 129}
    assert sum(counts["questions"].values()) == 6795 + 3 + 8
    assert sum(counts["regions"].values()) == 739 + 624 + 795 - counts["dropped"]["box of a crowd"]
