"""Benchmarks are packed whole, each in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.fetch.files import jpeg, write, write_json, write_zip

from pipeline.core.errors import UserError
from pipeline.fetch.stages.benchmarks import fetch_benchmarks
from pipeline.fetch.stages.benchmarks_params import FetchBenchmarksParams
from pipeline.storage.shards import ImageShards
from pipeline.tables.annotations import QUESTIONS
from pipeline.tables.pairs import DROPPED

KARPATHY: dict[str, Any] = {
    "kind": "karpathy",
    "name": "toyworld",
    "images": "raw",
    "split": "test",
    "annotations": "raw/dataset_toyworld.json",
    "select": ["test"],
}
OWN = {"kind": "jsonl", "name": "own", "images": "raw", "split": "dev", "questions": "raw/q.jsonl"}


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")
    images = [
        {
            "filename": f"{i}.jpg",
            "split": "test" if i < 5 else "val",
            "url": f"toyworld://0/benchmark/{i}",
            "sentences": [{"raw": f"text {k} of {i}"} for k in range(6 if i == 2 else 5)],
        }
        for i in range(7)
    ]
    write_json(tmp_path / "raw/dataset_toyworld.json", {"images": images, "dataset": "toyworld"})
    write_zip(tmp_path / "raw/images.zip", {f"{i}.jpg": jpeg(i) for i in range(7)})
    write(tmp_path / "raw/q.jsonl", '{"image": "6.jpg", "question": "What?", "answers": ["a", "b"]}\n')
    return tmp_path


def fetch(root: Path, *benchmarks: dict[str, Any]) -> dict[str, Any]:
    params = FetchBenchmarksParams.model_validate({"benchmarks": list(benchmarks), "shard_size": 2})
    return fetch_benchmarks(params, root, root / "out", root / ".finealign")


def test_captions_and_questions(raw: Path) -> None:
    counts = fetch(raw, KARPATHY, OWN)
    assert counts["toyworld"] == {"images": 5, "captions": 26, "captions_per_image": {"least": 5, "most": 6}}
    assert counts["own"] == {"images": 1, "questions": 1, "dropped": 0}
    shards = ImageShards(raw / "out/toyworld")
    assert shards.shards("test") == ["test-00000", "test-00001", "test-00002"]
    row = next(row for row in shards.manifest.to_pylist() if row["key"] == "toyworld-2")
    assert len(row["captions"]) == 6
    assert row["url"] == "toyworld://0/benchmark/2"
    question = QUESTIONS.read(raw / "out/own/questions.parquet").to_pylist()[0]
    assert (question["split"], question["answers"], question["key"]) == ("dev", ["a", "b"], "own-6")
    assert ImageShards(raw / "out/own").jpeg("own-6") == jpeg(6)


def test_names_are_unique() -> None:
    with pytest.raises(ValidationError, match="different names"):
        FetchBenchmarksParams.model_validate({"benchmarks": [KARPATHY, OWN | {"name": "toyworld"}]})


def test_an_image_without_captions_is_dropped_and_counted(raw: Path) -> None:
    content = json.loads((raw / "raw/dataset_toyworld.json").read_text())
    content["images"][1]["sentences"] = []
    write_json(raw / "raw/dataset_toyworld.json", content)
    counts = fetch(raw, KARPATHY)["toyworld"]
    assert (counts["images"], counts["dropped"]) == (4, 1)
    rows = DROPPED.read(raw / "out/toyworld/dropped.parquet").to_pylist()
    assert [(row["key"], row["reason"]) for row in rows] == [("toyworld-1", "no caption")]
    content["images"][2]["sentences"] = None
    write_json(raw / "raw/dataset_toyworld.json", content)
    with pytest.raises(UserError, match="2 of 5 samples of source 'toyworld' are damaged") as error:
        fetch(raw, KARPATHY)
    assert "(such as raw/dataset_toyworld.json, images/2: {" in error.value.found


def test_a_caption_that_is_too_long_is_dropped_and_counted(raw: Path) -> None:
    content = json.loads((raw / "raw/dataset_toyworld.json").read_text())
    content["images"][1]["sentences"][3]["raw"] = "long " * 5_000
    write_json(raw / "raw/dataset_toyworld.json", content)
    assert fetch(raw, KARPATHY)["toyworld"] == {
        "images": 5,
        "captions": 25,
        "captions_per_image": {"least": 4, "most": 6},
        "dropped": 1,
    }
    rows = DROPPED.read(raw / "out/toyworld/dropped.parquet").to_pylist()
    assert [(row["key"], row["reason"]) for row in rows] == [("toyworld-1/caption/3", "caption too long")]


def test_a_damaged_image_is_named(raw: Path) -> None:
    write_zip(raw / "raw/images.zip", {f"{i}.jpg": b"no image" for i in range(7)})
    with pytest.raises(UserError, match="5 of 5 samples of source 'toyworld' are damaged") as error:
        fetch(raw, KARPATHY)
    assert error.value.found.startswith("5 × no image (such as raw/images.zip: ")


def test_real_benchmarks(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")
    (tmp_path / "real").symlink_to(real_data)
    flickr = {
        "kind": "flickr8k",
        "name": "flickr8k",
        "split": "dev",
        "images": "real/flickr8k",
        "tokens": "real/flickr8k/Flickr8k.token.txt",
        "image_list": "real/flickr8k/Flickr_8k.devImages.txt",
    }
    coco = {
        "kind": "coco",
        "name": "coco",
        "split": "val",
        "images": "real/coco-mini",
        "captions": "real/coco-mini/captions_val2017.json",
    }
    counts = fetch(tmp_path, flickr, coco)
    assert counts["flickr8k"]["captions"] == 5000
    assert counts["coco"]["images"] == 79
