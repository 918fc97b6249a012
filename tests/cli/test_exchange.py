"""Triplets are exported and imported, in JADE's layout unless another is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.cli.exchange import export_triplets, import_triplets
from pipeline.core.errors import UserError
from pipeline.storage.shards import ShardWriter
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.triplets import KEPT_DC, KEPT_QA
from pipeline.triplets.formats.jade_ids import image_id
from pipeline.triplets.formats.names import Layout

SHARDS = {"train-00000": ["a", "b"], "train-00001": ["c"], "val-00000": ["v"]}


def url(key: str) -> str:
    return f"http://somewhere/{key}.jpg"


@pytest.fixture
def root(tmp_path: Path, jpeg: Callable[..., bytes]) -> Path:
    """A repository with pairs in two training shards and one of validation."""
    pairs = tmp_path / "data" / "pairs"
    manifests = []
    for name, keys in SHARDS.items():
        with ShardWriter(pairs / f"{name}.tar", name.split("-")[0]) as writer:
            for key in keys:
                writer.add(key, jpeg(), ["caption"], url=url(key))
        manifests.append(writer.manifest())
    MANIFEST.write(pairs / "manifest.parquet", pa.concat_tables(manifests))
    return tmp_path


def qa(key: str, number: int) -> dict[str, Any]:
    return {
        "key": key,
        "pair_id": number,
        "box": [0.25, 0.0, 0.5, 1.0],
        "region_caption": "a dog",
        "question": f"what is number {number}?",
        "answer": "dog",
        "question_type": "what",
        "answer_confidence": 0.5,
        "filter_answer": "dog",
        "filter_confidence": 0.75,
    }


def caption(key: str, number: int) -> dict[str, Any]:
    return {"key": key, "region_id": number, "box": [0.0, 0.5, 0.5, 1.0], "caption": "a dog", "confidence": 0.5}


def export_jade(root: Path, folder: Path) -> str:
    return export_triplets(root, folder, Layout.jade)


def import_jade(root: Path, source: Path, name: str, max_dropped_share: float) -> str:
    return import_triplets(root, source, name, Layout.jade, max_dropped_share)


def write_layout(folder: Path, images: list[int]) -> None:
    for part in ("QA", "DC"):
        (folder / part).mkdir(parents=True)
        for number in images:
            (folder / part / f"{number}.json").write_text("[]")


def test_a_row_of_no_pair_and_a_shard_without_table_are_not_exported(root: Path) -> None:
    triplets = root / "data" / "triplets"
    for shard in ("train-00000", "train-00001"):
        KEPT_QA.write(triplets / f"{shard}-qa.parquet", [])
        KEPT_DC.write(triplets / f"{shard}-dc.parquet", [])
    KEPT_QA.write(triplets / "train-00000-qa.parquet", [qa("a", 3), qa("nowhere", 0)])
    with pytest.raises(UserError, match="images that are not there") as error:
        export_jade(root, root / "published")
    assert "'nowhere'" in error.value.found
    KEPT_QA.write(triplets / "train-00000-qa.parquet", [qa("a", 3)])
    missing = triplets / "train-00001-dc.parquet"
    missing.unlink()
    with pytest.raises(UserError, match="lacks the table of a shard") as error:
        export_jade(root, root / "published")
    assert error.value.where == str(missing) and not (root / "published").exists()


def test_triplets_there_and_back_are_the_same_rows(root: Path) -> None:
    triplets = root / "data" / "triplets"
    KEPT_QA.write(triplets / "train-00000-qa.parquet", [qa("a", 3), qa("a", 7), qa("b", 0)])
    KEPT_DC.write(triplets / "train-00000-dc.parquet", [caption("a", 0), caption("a", 1)])
    KEPT_QA.write(triplets / "train-00001-qa.parquet", [])
    KEPT_DC.write(triplets / "train-00001-dc.parquet", [caption("c", 0)])
    export_jade(root, root / "published")
    message = import_jade(root, root / "published", "again", 0.05)
    assert "Wrote 3 question-answer pairs and 3 region captions of 3 images" in message
    imported = root / "data" / "raw" / "triplets" / "again"
    assert sorted(path.name for path in imported.iterdir()) == sorted(path.name for path in triplets.iterdir())
    lost = {"qa": {"filter_answer": None, "filter_confidence": None}, "dc": {"confidence": None}}
    for table, suffix in ((KEPT_QA, "qa"), (KEPT_DC, "dc")):
        for shard in ("train-00000", "train-00001"):
            before = table.read(triplets / f"{shard}-{suffix}.parquet").to_pylist()
            after = table.read(imported / f"{shard}-{suffix}.parquet").to_pylist()
            assert after == [{**row, **lost[suffix]} for row in before]


def test_images_that_no_training_pair_has_are_counted(root: Path) -> None:
    write_layout(root / "published", [image_id(url("a")), image_id(url("v")), 12345])
    message = import_jade(root, root / "published", "few", 0.05)
    assert "of 1 images" in message and "2 images that are not among the training pairs" in message


def test_images_whose_number_is_shared_are_counted(root: Path) -> None:
    path = root / "data" / "pairs" / "manifest.parquet"
    rows = MANIFEST.read(path).to_pylist()
    # Two words with one CRC-32.
    shared = {"a": "plumless", "b": "buckeroo"}
    MANIFEST.write(path, [{**row, "url": shared.get(row["key"], row["url"])} for row in rows])
    write_layout(root / "published", [image_id("plumless"), image_id(url("c"))])
    message = import_jade(root, root / "published", "few", 0.05)
    assert "of 1 images" in message and "1 whose CRC-32 several urls share" in message


def test_what_cannot_be_imported_is_named(root: Path) -> None:
    published = root / "published"
    with pytest.raises(UserError, match=r"missing or empty[\s\S]*QA"):
        import_jade(root, published, "name", 0.05)
    write_layout(published, [])
    with pytest.raises(UserError, match="missing or empty"):
        import_jade(root, published, "name", 0.05)
    (published / "QA" / "1.json").write_text("[]")
    with pytest.raises(UserError, match="None of the published images"):
        import_jade(root, published, "name", 0.05)
    with pytest.raises(UserError, match="cannot name a folder"):
        import_jade(root, published, "../name", 0.05)
    path = published / "DC" / f"{image_id(url('a'))}.json"
    path.write_text(json.dumps([{"object": [0, 0, 5, 5]}]))
    with pytest.raises(UserError, match=r"1 of 1 samples[\s\S]*bad field: region_description"):
        import_jade(root, published, "name", 0.05)
    assert not (root / "data" / "raw" / "triplets" / "name").exists()
    path.write_text("[]")
    import_jade(root, published, "name", 0.05)
    with pytest.raises(UserError, match="of this name"):
        import_jade(root, published, "name", 0.05)


def entry(number: int) -> dict[str, Any]:
    qa = {"question": "what is it?", "answer": "dog", "prob": 0.5, "type": "what", "question_id": number}
    return qa | {"object": [56, 0, 112, 223], "region_description": "a dog"}


def test_damaged_entries_and_files_are_left_out_and_counted_up_to_a_share(root: Path) -> None:
    published, a, b = root / "published", image_id(url("a")), image_id(url("b"))
    write_layout(published, [a, b])
    entries = [entry(number) for number in range(16)]
    entries[3]["answer"], entries[5]["object"] = " \0", [0, 0, float("nan"), 5]
    (published / "QA" / f"{a}.json").write_text(json.dumps([*entries, "no entry"]))
    (published / "DC" / f"{a}.json").write_text(json.dumps([entry(0)]))
    (published / "DC" / f"{b}.json").write_text("[")
    (published / "DC" / "._7.json").write_text("[]")
    with pytest.raises(UserError, match="5 of 20 samples") as error:
        import_jade(root, published, "few", 0.2)
    assert error.value.expected == "at most 20.0% (--max-dropped-share)"
    assert not (root / "data/raw/triplets/few").exists()
    message = import_jade(root, published, "few", 0.25)
    assert "Wrote 14 question-answer pairs and 1 region captions of 2 images" in message
    assert "Left out: 5 damaged entries or files: " in message
    assert f"1 × empty text: answer (such as {published}/QA/{a}.json, 3: nothing that can be seen)" in message
    assert f"1 × bad field: object (such as {published}/QA/{a}.json, 5: [0, 0, nan, 5])" in message
    assert f"1 × file not named by the number of its image (such as {published}/DC/._7.json)" in message
    assert f"1 × file that is no JSON list (such as {published}/DC/{b}.json, whole file: Expecting value" in message
    kept = KEPT_QA.read(root / "data/raw/triplets/few/train-00000-qa.parquet")["pair_id"].to_pylist()
    assert kept == [number for number in range(16) if number not in (3, 5)]
