"""Every layout there and back: what comes back is what was sent, but for what the layout is said to lose."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.triplets.formats.conftest import DC_ROWS, QA_ROWS, URLS, qa
from tests.triplets.pairs import write_manifest

from pipeline.cli.exchange import export_triplets, import_triplets, stated_licences
from pipeline.core.errors import UserError
from pipeline.storage.boxes import FULL_IMAGE
from pipeline.storage.shards import stream_shard
from pipeline.tables.questions import question_type
from pipeline.tables.table import Table
from pipeline.tables.triplets import KEPT_DC, KEPT_QA
from pipeline.triplets.by_shard import partition, streams
from pipeline.triplets.formats import images
from pipeline.triplets.formats.jade_ids import image_id
from pipeline.triplets.formats.names import Layout

Row = dict[str, Any]

BOX_TOLERANCE = {Layout.jade: 1 / 448, Layout.valor: 0.5 / 16, Layout.llava: 0.0005}
WORDING_ALONE = {"box": list(FULL_IMAGE), "region_caption": "", "answer_confidence": None}
NO_FILTER = {"filter_answer": None, "filter_confidence": None}


def expected_qa(layout: Layout, rows: list[Row]) -> list[Row]:
    """What is left of rows."""
    if layout == Layout.jade:
        return [row | NO_FILTER for row in rows]
    if layout in (Layout.valor, Layout.llava):
        typed = [row | {"question_type": question_type(row["question"], row["answer"])} for row in rows]
        left = [row | WORDING_ALONE | NO_FILTER for row in typed]
        return left if layout == Layout.valor else numbered(left, "pair_id")
    return rows


def expected_captions(layout: Layout, rows: list[Row]) -> list[Row]:
    """What is left of rows."""
    if layout in BOX_TOLERANCE:
        return numbered([row | {"confidence": None} for row in rows], "region_id")
    return rows


def numbered(rows: list[Row], name: str) -> list[Row]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["key"]] = counts.get(row["key"], -1) + 1
        row[name] = counts[row["key"]]
    return rows


def same(table: Table, found: list[Row], expected: list[Row], tolerance: float) -> None:
    expected = table.build(expected).to_pylist()
    found_boxes, expected_boxes = (np.array([row.pop("box") for row in rows]) for rows in (found, expected))
    assert found == expected
    assert np.abs(found_boxes - expected_boxes).max(initial=0) <= tolerance + 1e-6


@pytest.mark.parametrize("layout", Layout)
def test_there_and_back(root: Path, layout: Layout) -> None:
    exported = export_triplets(root, root / "out", layout)
    assert "Wrote 3 question-answer pairs and 4 region captions to" in exported
    message = import_triplets(root, root / "out", "again", layout, 0.0)
    assert "Wrote 3 question-answer pairs and 4 region captions of 3 images" in message
    assert "Left out: 0 images that are not among the training pairs" in message
    again, tolerance = root / "data" / "raw" / "triplets" / "again", BOX_TOLERANCE.get(layout, 0)
    assert sorted(path.name for path in again.iterdir()) == sorted(p.name for p in (root / "data/triplets").iterdir())
    for shard in QA_ROWS:
        found = KEPT_QA.read(again / f"{shard}-qa.parquet").to_pylist()
        same(KEPT_QA, found, expected_qa(layout, QA_ROWS[shard]), tolerance)
        found = KEPT_DC.read(again / f"{shard}-dc.parquet").to_pylist()
        same(KEPT_DC, found, expected_captions(layout, DC_ROWS[shard]), tolerance)
    assert not [path for path in root.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("layout", Layout)
def test_the_same_triplets_give_the_same_bytes(root: Path, layout: Layout) -> None:
    files = []
    for name in ("one", "two"):
        export_triplets(root, root / name, layout)
        files.append({p.relative_to(root / name): p.read_bytes() for p in (root / name).rglob("*") if p.is_file()})
    assert files[0] == files[1] and files[0]


@pytest.mark.parametrize("layout", Layout)
def test_what_is_imported_by_others_may_have_other_shards_and_more_images(root: Path, layout: Layout) -> None:
    export_triplets(root, root / "out", layout)
    other = root / "other"
    write_manifest(other / "data" / "pairs", {"train-00000": ["c"], "train-00007": ["x", "a"]}, URLS)
    manifest = other / "data/pairs/manifest.parquet"
    rows = pq.read_table(manifest)
    small = {name: rows[name] for name in rows.column_names} | {"width": [24] * 3, "height": [16] * 3}
    pq.write_table(pq.read_table(manifest).schema.empty_table().from_pydict(small, schema=rows.schema), manifest)
    message = import_triplets(other, root / "out", "theirs", layout, 0.0)
    assert "Wrote 2 question-answer pairs and 4 region captions of 2 images" in message
    assert "Left out: 1 images that are not among the training pairs" in message
    of_a = KEPT_QA.read(other / "data/raw/triplets/theirs/train-00007-qa.parquet").to_pylist()
    same(KEPT_QA, of_a, expected_qa(layout, QA_ROWS["train-00000"][:2]), BOX_TOLERANCE.get(layout, 0))


@pytest.mark.parametrize("layout", Layout)
def test_nothing_is_left_of_an_export_or_import_that_fails(root: Path, layout: Layout) -> None:
    export_triplets(root, root / "out", layout)
    KEPT_QA.write(root / "data/triplets/train-00001-qa.parquet", [qa("nowhere", 0)])
    with pytest.raises(UserError, match="images that are not there"):
        export_triplets(root, root / "new", layout)
    write_manifest(root / "data" / "pairs", {"train-00000": ["other"]})
    with pytest.raises(UserError, match="None of the published images"):
        import_triplets(root, root / "out", "again", layout, 0.05)
    assert {path.name for path in root.iterdir()} == {"data", "out"}
    assert list((root / "data" / "raw" / "triplets").iterdir()) == []


TEXT = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zs", "Zl", "Zp", "Cn", "Co"]), min_size=1, max_size=8
)
NUMBERS = st.lists(st.integers(-5, 2**31 - 1), max_size=3, unique=True)
CONFIDENCE = st.one_of(st.none(), st.floats(0, 1, width=32))


@st.composite
def boxes(draw: st.DrawFn) -> list[float]:
    low, high = ([draw(st.floats(0, 0.375, width=32)), draw(st.floats(0, 0.375, width=32))] for _ in range(2))
    return [float(np.float32(c)) for c in (*low, high[0] + 0.5, high[1] + 0.5)]


@st.composite
def triplets(draw: st.DrawFn, keys: list[str]) -> tuple[list[Row], list[Row]]:
    pairs = [
        qa(key, n, question=draw(TEXT), answer=draw(TEXT), box=draw(boxes()), filter_confidence=draw(CONFIDENCE))
        for key in keys
        for n in draw(NUMBERS)
    ]
    captions = [
        {"key": key, "region_id": n, "box": draw(boxes()), "caption": draw(TEXT), "confidence": draw(CONFIDENCE)}
        for key in keys
        for n in draw(NUMBERS)
    ]
    return pairs, captions


@given(st.data(), st.sampled_from([Layout.jade, Layout.valor, Layout.llava, Layout.parquet]))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_any_rows_there_and_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, layout: Layout) -> None:
    root = tmp_path_factory.mktemp("exchange")
    shards = {"train-00000": ["a", "b"], "train-00001": ["c", "d"]}
    write_manifest(
        root / "data" / "pairs",
        shards,
        data.draw(st.fixed_dictionaries({k: st.sampled_from(["", "plumless", "buckeroo", "x"]) for k in "abcd"})),
    )
    rows = {name: data.draw(triplets(keys)) for name, keys in shards.items()}
    for name, (pairs, captions) in rows.items():
        KEPT_QA.write(root / "data" / "triplets" / f"{name}-qa.parquet", pairs)
        KEPT_DC.write(root / "data" / "triplets" / f"{name}-dc.parquet", captions)
    export_triplets(root, root / "out", layout)
    count = sum(len(part) for of_shard in rows.values() for part in of_shard)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition, "BUFFERED", data.draw(st.integers(1, 5)))
        patch.setattr(streams, "ROWS", data.draw(st.integers(1, 5)))
        patch.setattr(images, "IMAGES_AT_ONCE", data.draw(st.integers(1, 3)))
        if not count:
            return
        import_triplets(root, root / "out", "again", layout, 0.0)
    tolerance = BOX_TOLERANCE.get(layout, 0)
    for name, (pairs, captions) in rows.items():
        again = root / "data" / "raw" / "triplets" / "again"
        same(KEPT_QA, KEPT_QA.read(again / f"{name}-qa.parquet").to_pylist(), expected_qa(layout, pairs), tolerance)
        found = KEPT_DC.read(again / f"{name}-dc.parquet").to_pylist()
        if layout == Layout.valor:
            assert sorted(row["caption"] for row in found) == sorted(row["caption"] for row in captions)
        else:
            same(KEPT_DC, found, expected_captions(layout, captions), tolerance)


def test_jade_lists_the_images_that_have_no_number_of_their_own(root: Path) -> None:
    message = export_triplets(root, root / "out", Layout.jade)
    assert message.splitlines()[1] == (
        "3 images have a number of their own kind, which ids.csv lists: 1 that have no url, and 2 whose CRC-32 "
        "another image has too."
    )
    assert (root / "out/ids.csv").read_text() == (
        f"key,url,img_id\na,plumless,{2**32}\nb,buckeroo,{2**32 + 1}\nc,,{2**32 + 2}\n"
    )
    assert sorted(path.name for path in (root / "out/QA").iterdir()) == [f"{2**32}.json", f"{2**32 + 1}.json"]
    (root / "out/ids.csv").write_text("key,url,img_id\na,plumless,many\n")
    with pytest.raises(UserError, match="list of ids is damaged"):
        import_triplets(root, root / "out", "again", Layout.jade, 0.0)


def test_webdataset_holds_pictures_and_other_readers_stream_it(root: Path) -> None:
    export_triplets(root, root / "out", Layout.webdataset)
    with tarfile.open(root / "out/train-00000.tar") as tar:
        assert tar.getnames() == ["a.jpg", "a.json", "b.jpg", "b.json"]
    webdataset = pytest.importorskip("webdataset")
    sample = next(iter(webdataset.WebDataset(str(root / "out/train-00001.tar"), shardshuffle=False)))
    assert sample["jpg"] == dict(stream_shard(root / "data/pairs/train-00001.tar"))["c"]
    assert [row["region_id"] for row in json.loads(sample["json"])["captions"]] == [0, 2]


def test_llava_asks_as_llava_does(root: Path) -> None:
    export_triplets(root, root / "out", Layout.llava)
    entries = json.loads((root / "out/conversations.json").read_text())
    assert [entry["id"] for entry in entries] == ["a", "b", "c"] and entries[0]["image"] == "a.jpg"
    turns = entries[0]["conversations"]
    assert turns[0] == {"from": "human", "value": "<image>\nwhat is “number” 3?"}
    assert turns[5:7] == [
        {"from": "gpt", "value": "a dog, 0"},
        {"from": "human", "value": "Please provide a short description for this region: [0, 0.5, 0.5, 1]."},
    ]


def test_valor_crops_regions_in_pixels(root: Path) -> None:
    export_triplets(root, root / "out", Layout.valor)
    captions = json.loads((root / "out/txt_mapper.json").read_text())
    assert captions["a%width12%height8%x0%y8"] == ["a dog, 0", "a dog, 1"]
    assert list(captions) == json.loads((root / "out/region_id.json").read_text())
    questions = json.loads((root / "out/txt_mapper_vqa.json").read_text())
    assert list(questions) == json.loads((root / "out/vqa_id.json").read_text()) == ["a", "b"]
    assert questions["b"] == [{"question": "what is “number” 0?", "answer": "dog", "question_id": 0}]


LOCK = """
stages:
  fetch_pairs: {params: {params.yaml: {fetch_pairs: {sources: [{name: cc3m, kind: webdataset, location: here}]}}}}
  generate: {params: {params.yaml: {generate: {images_per_batch: 7}}}}
"""


def test_the_card_says_counts_sources_hashes_parameters_and_licences(root: Path) -> None:
    (root / "dvc.lock").write_text(LOCK)
    licences = stated_licences(["triplets=cc-by-4.0", "cc3m=see: the page = there"])
    export_triplets(root, root / "out", Layout.parquet, licences)
    card = (root / "out/README.md").read_text()
    assert 'license: "cc-by-4.0"' in card and "- images and captions of cc3m: see: the page = there" in card
    assert "| question-answer pairs | 3 |\n| … of type other | 1 |\n| … of type what | 2 |" in card
    assert "- cc3m: webdataset, here" in card and "images_per_batch: 7" in card
    assert "`filter`: not recorded in dvc.lock." in card
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=root / "out", check=True)
    for wrong, message in (({"cc4m": "x"}, "not exported"), ({}, "")):
        if message:
            with pytest.raises(UserError, match=message):
                export_triplets(root, root / "new", Layout.parquet, wrong)
    with pytest.raises(UserError, match="licence is stated of nothing"):
        stated_licences(["cc-by-4.0"])


def test_the_hubs_reader_takes_the_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(root / "cache"))
    export_triplets(root, root / "out", Layout.parquet)
    read = datasets.load_dataset(str(root / "out"), "region_captions", split="train", cache_dir=str(root / "cache"))
    assert [row["caption"] for row in read] == ["a dog, 0", "a dog, 1", "a dog, 0", "a dog, 2"]


def damaged(layout: Layout, folder: Path, change: Callable[[str], str]) -> None:
    """Change a text file of a layout."""
    names = {Layout.jade: f"QA/{2**32}.json", Layout.valor: "txt_mapper_vqa.json", Layout.llava: "conversations.json"}
    path = folder / names[layout]
    path.write_text(change(path.read_text()))


@pytest.mark.parametrize("layout", [Layout.jade, Layout.valor, Layout.llava])
def test_a_damaged_row_is_left_out_and_counted(root: Path, layout: Layout) -> None:
    export_triplets(root, root / "out", layout)
    damaged(layout, root / "out", lambda text: text.replace('"dog"', "5", 1))
    with pytest.raises(UserError, match="1 of 7 samples of source") as error:
        import_triplets(root, root / "out", "again", layout, 0.0)
    assert error.value.expected == "at most 0.0% (--max-dropped-share)"
    message = import_triplets(root, root / "out", "again", layout, 0.2)
    assert "Wrote 2 question-answer pairs and 4 region captions of 3 images" in message
    assert "Left out: 1 damaged entries or files: 1 × bad field: " in message


@pytest.mark.parametrize("layout", [Layout.valor, Layout.llava])
def test_a_file_that_is_cut_is_refused(root: Path, layout: Layout) -> None:
    export_triplets(root, root / "out", layout)
    damaged(layout, root / "out", lambda text: text[: len(text) // 2])
    with pytest.raises(UserError, match="not whole"):
        import_triplets(root, root / "out", "again", layout, 0.5)
    assert not (root / "data/raw/triplets/again").exists()


def test_a_tar_that_is_cut_is_refused(root: Path) -> None:
    export_triplets(root, root / "out", Layout.webdataset)
    tar = root / "out/train-00000.tar"
    tar.write_bytes(tar.read_bytes()[:-9000])
    with pytest.raises(UserError, match="cut off or damaged"):
        import_triplets(root, root / "out", "again", Layout.webdataset, 0.5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"box": [0.5, 0.0, 0.5, 1.0]}, "bad field: box"),
        ({"box": None}, "bad field: box"),
        ({"question": None}, "empty text: question"),
        ({"answer": "x" * 10_001}, "text too long: answer"),
        ({"pair_id": None}, "bad field: pair_id"),
        ({"pair_id": 3}, "repeated id"),
    ],
)
def test_bad_rows_of_others_tables_are_left_out(root: Path, change: Row, reason: str) -> None:
    export_triplets(root, root / "out", Layout.parquet)
    rows = [qa("a", 3), qa("a", 4), qa("a", 5, **change)]
    table = pq.read_table(root / "out/data/train-00000-qa.parquet").schema.empty_table()
    pq.write_table(table.from_pylist(rows, schema=KEPT_QA.schema), root / "out/data/train-00000-qa.parquet")
    message = import_triplets(root, root / "out", "again", Layout.parquet, 0.5)
    assert f"1 damaged entries or files: 1 × {reason} (such as {{'key': 'a'" in message
    kept = KEPT_QA.read(root / "data/raw/triplets/again/train-00000-qa.parquet")["pair_id"].to_pylist()
    assert kept == [3, 4]


def test_images_of_one_url_share_the_rows_of_a_published_folder(root: Path) -> None:
    urls = {"a": "plumless", "b": "plumless", "c": "hello"}
    (root / "out" / "QA").mkdir(parents=True)
    (root / "out" / "DC").mkdir()
    entry = {"object": [0, 0, 9, 9], "region_description": "a dog"}
    (root / "out" / "DC" / f"{image_id('plumless')}.json").write_text(json.dumps([entry]))
    write_manifest(root / "data" / "pairs", {"train-00000": ["a", "b", "c"]}, urls)
    message = import_triplets(root, root / "out", "again", Layout.jade, 0.0)
    assert "2 region captions of 2 images" in message and "and 0 whose CRC-32 several urls share" in message
