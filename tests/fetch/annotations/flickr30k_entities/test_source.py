"""Flickr30k Entities as a source of regions: phrases, their boxes, their images, and which photographs they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.fetch.annotations.flickr30k_entities.official import (
    PUPPIES,
    PUPPY_CAPTIONS,
    SOURCE,
    annotation,
    item,
    read,
    write_source,
    write_zipped,
)
from tests.fetch.files import encoded, jpeg, write

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.builder import Annotations
from pipeline.fetch.captions.flickr8k import Flickr8kSource, flickr_id
from pipeline.fetch.packing.dropped import Ledger
from pipeline.fetch.stages.annotations import fetch_annotations
from pipeline.fetch.stages.annotations_params import FetchAnnotationsParams
from pipeline.storage.shards import ImageShards
from pipeline.tables.annotations import REGIONS

UNION = [0.0, 0.1, 1.0, 1.0]


def regions(annotations: Annotations) -> list[tuple[str, str, str]]:
    return [(row["key"], row["region_id"], row["phrase"]) for row in annotations.regions.table().to_pylist()]


def dropped(annotations: Annotations) -> dict[str, str]:
    return {row["key"]: row["reason"] for row in annotations.dropped}


def test_every_phrase_with_a_box_is_a_region_once(tmp_path: Path) -> None:
    write_source(tmp_path)
    annotations = read(tmp_path)
    assert regions(annotations) == [
        ("ents-77_18ab", "10-0-0", "Two puppies"),
        ("ents-77_18ab", "11-1-0", "A beagle"),
        ("ents-77_18ab", "10-3-2", "the puppies"),
        ("ents-100", "20-0-0", "a ball"),
    ]
    boxes = [row["box"] for row in annotations.regions.table().to_pylist()]
    assert np.allclose(boxes, [UNION, [0.5, 0.5, 1, 1], UNION, [0.1, 0.2, 0.3, 0.4]])
    assert dropped(annotations) == {
        "ents-77_18ab/region/12-0-4": "phrase without a box",
        "ents-77_18ab/region/10-1-3": "repeated phrase",
        "ents-77_18ab/region/0-1-6": "phrase without a box",
        "ents-77_18ab/region/13-3-0": "phrase without a box",
    }
    assert annotations.ledger.faults() == {}
    assert annotations.questions.table().num_rows == 0


def test_a_zip_gives_the_same_rows(tmp_path: Path) -> None:
    write_source(tmp_path)
    write_zipped(tmp_path)
    folder, zipped = read(tmp_path), read(tmp_path, annotations="raw/ents.zip")
    assert folder.regions.table() == zipped.regions.table()
    assert folder.dropped == zipped.dropped


def test_images_are_named_as_flickr30k_or_flickr8k_names_them(tmp_path: Path) -> None:
    write_source(tmp_path)
    images = read(tmp_path).images
    assert [(image.file_name, image.source_image_id, image.box_size) for image in images] == [
        ("77_18ab.jpg", "flickr:77", (400, 200)),
        ("100.jpg", "flickr:100", (100, 50)),
    ]
    write(tmp_path / "raw/images/77.jpg", jpeg(0))
    assert read(tmp_path).images[0].file_name == "77.jpg"


def test_a_photograph_is_the_same_for_flickr8k(tmp_path: Path) -> None:
    write_source(tmp_path)
    write(tmp_path / "raw/f8k.txt", "77_18ab.jpg#0\ttwo dogs\n")
    write(tmp_path / "raw/list.txt", "77_18ab.jpg\n")
    pairs = Flickr8kSource(
        kind="flickr8k", name="f8k", images="raw/images", tokens="raw/f8k.txt", image_list="raw/list.txt"
    ).read(tmp_path, Ledger("f8k"))
    annotated = read(tmp_path).images
    assert pairs[0].source_image_id == annotated[0].source_image_id == "flickr:77"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("77.jpg", "77"), ("77_18ab.jpg", "77"), ("images/77_18ab.JPG", "77"), ("77", "77"), ("77_1_2", "77")),
        *(("dog_1.jpg", "dog_1.jpg"), ("77a.jpg", "77a.jpg"), ("77.jpg.1", "77.jpg.1"), ("", "")),
    ],
)
def test_the_id_stands_before_the_underscore(name: str, expected: str) -> None:
    assert flickr_id(name) == expected


@pytest.mark.parametrize("line", ["100", "100.jpg", "100_77ff.jpg", " 100 \r", "\ufeff100\n\n"])
def test_a_list_restricts_the_images(tmp_path: Path, line: str) -> None:
    write_source(tmp_path)
    write(tmp_path / "raw/list.txt", line)
    annotations = read(tmp_path, image_list="raw/list.txt")
    assert [image.key for image in annotations.images] == ["ents-100"]
    assert dropped(annotations) == {}


def test_both_sources_of_a_photograph_take_the_same_share(tmp_path: Path) -> None:
    write_source(tmp_path)
    write(tmp_path / "raw/f8k.txt", "77_18ab.jpg#0\ttwo dogs\n100_1.jpg#0\ta dog\n")
    write(tmp_path / "raw/list.txt", "77_18ab.jpg\n100_1.jpg\n")
    files = {"images": "raw/images", "tokens": "raw/f8k.txt", "image_list": "raw/list.txt"}
    taken: list[str] = []
    for share in ([0, 0.3], [0.3, 0.6], [0.6, 1]):
        pairs = Flickr8kSource.model_validate({"kind": "flickr8k", "name": "f8k", "share": share, **files})
        listed = [image.source_image_id for image in pairs.read(tmp_path, Ledger("f8k"))]
        assert sorted(listed) == sorted(image.source_image_id for image in read(tmp_path, share=share).images)
        taken += listed
    assert sorted(taken) == ["flickr:100", "flickr:77"]


def test_a_list_gives_the_order_and_its_odd_lines_are_dropped(tmp_path: Path) -> None:
    write_source(tmp_path)
    write(tmp_path / "raw/list.txt", b"100\n77_18ab.jpg\n100.jpg\n55.jpg\ndog.jpg\n\xff\n")
    annotations = read(tmp_path, image_list="raw/list.txt")
    assert [image.key for image in annotations.images] == ["ents-100", "ents-77_18ab"]
    assert annotations.ledger.faults() == {"bad line": 2, "listed twice": 1, "annotation file missing": 1}
    assert annotations.ledger.examples["annotation file missing"] == "raw/list.txt, line 4: '55.jpg'"
    assert dropped(annotations)["list.txt/line 3"] == "listed twice"


@pytest.mark.parametrize(
    ("changed", "key", "reason"),
    [
        ({"xml_77": "<annotation>"}, "77.xml/77", "bad xml"),
        ({"xml_77": PUPPIES.encode("utf-16")}, "77.xml/77", "text unreadable"),
        ({"xml_77": None}, "77.xml/77", "annotation file missing"),
        ({"txt_77": None}, "77.txt/77", "annotation file missing"),
        ({"txt_77": "\n \n"}, "77.txt/77", "no caption"),
    ],
)
def test_a_photograph_with_a_damaged_file_is_dropped(
    tmp_path: Path, changed: dict[str, Any], key: str, reason: str
) -> None:
    write_source(tmp_path, **changed)
    annotations = read(tmp_path)
    assert [image.key for image in annotations.images] == ["ents-100"]
    assert dropped(annotations) == {key: reason}
    assert annotations.ledger.faults() == {reason: 1}


def test_a_damaged_caption_is_dropped_and_the_others_stay(tmp_path: Path) -> None:
    lines = [*PUPPY_CAPTIONS.encode().split(b"\n"), b"[/EN#10/animals dogs", b"[/EN#10/animals d\xe9gs] run"]
    write_source(tmp_path, txt_77=b"\r\n".join(lines))
    annotations = read(tmp_path)
    assert len(regions(annotations)) == 4
    assert annotations.ledger.faults() == {"bad line": 2}
    assert annotations.ledger.examples["bad line"].startswith("raw/ents/Sentences/77.txt, line 7: ")


def test_a_phrase_whose_box_is_damaged_is_no_region(tmp_path: Path) -> None:
    write_source(tmp_path, xml_77=annotation(item("10 11", 0, 0, 9, 9), item("10", 9, 9, 1, 1)))
    annotations = read(tmp_path)
    assert [region_id for _, region_id, _ in regions(annotations)] == ["11-1-0", "20-0-0"]
    assert annotations.ledger.faults() == {"box turned inside out": 1}


@pytest.fixture
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")


def fetch(root: Path, **more: Any) -> dict[str, Any]:
    params = FetchAnnotationsParams.model_validate({"sources": [SOURCE], "shard_size": 4} | more)
    return fetch_annotations(params, root, root / "out", root / ".finealign")


@pytest.mark.usefixtures("one_worker")
def test_the_stage_packs_the_images_with_their_regions(tmp_path: Path) -> None:
    write_source(tmp_path)
    counts = fetch(tmp_path)
    assert counts["images"] == {"train": 2, "val": 0}
    assert counts["regions"] == {"train": 4, "val": 0}
    assert counts["dropped"] == {"phrase without a box": 3, "repeated phrase": 1}
    assert ImageShards(tmp_path / "out").jpeg("ents-77_18ab") == jpeg(0)


@pytest.mark.usefixtures("one_worker")
def test_a_photograph_of_two_sources_is_in_one_split(tmp_path: Path) -> None:
    write_source(tmp_path)
    write(tmp_path / "raw/list.txt", "77")
    held_out = SOURCE | {"name": "dev", "split": "val", "image_list": "raw/list.txt"}
    assert fetch(tmp_path, sources=[SOURCE, held_out])["images"] == {"train": 1, "val": 1}
    assert set(REGIONS.read(tmp_path / "out/regions.parquet")["source"].to_pylist()) == {"ents", "dev"}


@pytest.mark.usefixtures("one_worker")
def test_boxes_turn_with_an_image_that_a_camera_stored_rotated(tmp_path: Path) -> None:
    write_source(tmp_path, xml_100=annotation(item("20", 0, 0, 12, 16), width=24, height=16))
    exif = Image.Exif()
    exif[0x112] = 6
    write(tmp_path / "raw/images/flickr30k-images/100.jpg", encoded(Image.new("RGB", (24, 16)), "JPEG", exif=exif))
    fetch(tmp_path)
    boxes = {row["region_id"]: row["box"] for row in REGIONS.read(tmp_path / "out/regions.parquet").to_pylist()}
    assert boxes["20-0-0"] == [0, 0, 1, 0.5]


@pytest.mark.usefixtures("one_worker")
def test_a_source_that_is_mostly_damaged_is_a_message(tmp_path: Path) -> None:
    damaged = annotation(*(item(str(number), 9, 9, 1, 1) for number in range(9)))
    write_source(tmp_path, xml_77=damaged)
    with pytest.raises(UserError, match="samples of source 'ents' are damaged") as raised:
        fetch(tmp_path, max_dropped_share=0.1)
    assert raised.value.where == "raw/ents"
    assert "9 × box turned inside out" in raised.value.found


@pytest.mark.usefixtures("one_worker")
def test_missing_images_are_a_message(tmp_path: Path) -> None:
    write_source(tmp_path)
    (tmp_path / "raw/images/77_18ab.jpg").unlink()
    with pytest.raises(UserError, match="1 of 2 samples") as raised:
        fetch(tmp_path, max_dropped_share=0.0)
    assert "no 77.jpg in raw/images" in raised.value.found


PHOTOS = Path(__file__).parents[5] / "shared/data"


@pytest.mark.skipif(not (PHOTOS / "flickr30k-entities").is_dir(), reason="Flickr30k Entities is not at hand")
def test_the_real_dev_photographs_have_as_many_phrases_as_published() -> None:
    source: dict[str, Any] = {"images": "flickr8k", "annotations": "flickr30k-entities/entities-dev.zip"}
    annotations = read(PHOTOS, **source, image_list="flickr8k/Flickr_8k.devImages.txt")
    assert (len(annotations.images), annotations.regions.table().num_rows) == (1000, 10_233)
    assert annotations.ledger.faults() == {}
