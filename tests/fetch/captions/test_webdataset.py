"""Shards as people have them: other formats, several captions, odd texts, and what is no file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.fetch.files import FLICKR8K, encoded, flickr8k, jpeg, samples, tar_bytes, write
from tests.storage.test_images import bomb, halves, odd_exif

from pipeline.core.errors import UserError
from pipeline.fetch.captions import webdataset
from pipeline.fetch.packing import pack
from pipeline.fetch.stages.pairs import fetch_pairs
from pipeline.fetch.stages.pairs_params import FetchPairsParams
from pipeline.storage.shards import ImageShards
from pipeline.tables.pairs import DROPPED

SHARDS: dict[str, Any] = {"kind": "webdataset", "name": "s", "location": "raw"}


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")


def fetch(root: Path, members: list[tuple[str, bytes]], **more: Any) -> dict[str, Any]:
    """Counts of a shard with these members and ten sound samples."""
    write(root / "raw/0.tar", tar_bytes([*samples(range(10)), *members]))
    params = FetchPairsParams.model_validate({"sources": [SHARDS], "max_dropped_share": 0.5} | more)
    return fetch_pairs(params, root, root / "out", root / "scratch")


def captions(root: Path, key: str) -> list[str]:
    return {row["key"]: row["captions"] for row in ImageShards(root / "out").manifest.to_pylist()}[key]


def reasons(root: Path) -> dict[str, str]:
    return {row["key"]: row["reason"] for row in DROPPED.read(root / "out/dropped.parquet").to_pylist()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"one cat\ntwo cats\r\n\nthree cats\n", ["one cat", "two cats", "three cats"]),
        (b"\xef\xbb\xbfa cat", ["a cat"]),
        (b"a\0 cat\x1b", ["a cat"]),
    ],
)
def test_each_line_of_a_text_is_a_caption(tmp_path: Path, text: bytes, expected: list[str]) -> None:
    fetch(tmp_path, [("a.jpg", jpeg(90)), ("a.txt", text)])
    assert captions(tmp_path, "s-a") == expected


@pytest.mark.parametrize(
    ("record", "expected", "url"),
    [
        (b'{"caption": "a nice day \\ud83d at sea"}', "a nice day ? at sea", ""),
        (b'{"caption": "a day", "url": NaN}', "a day", ""),
        (b'{"caption": "a day", "url": 5}', "a day", ""),
        (b'\xef\xbb\xbf{"caption": "a\\u0000 day", "url": "http://h/\\ud83d"}', "a day", "http://h/?"),
    ],
)
def test_odd_fields_of_a_record(tmp_path: Path, record: bytes, expected: str, url: str) -> None:
    fetch(tmp_path, [("a.jpg", jpeg(90)), ("a.json", record)])
    row = next(row for row in ImageShards(tmp_path / "out").manifest.to_pylist() if row["key"] == "s-a")
    assert (row["captions"], row["url"]) == ([expected], url)


@pytest.mark.parametrize(
    "record", [b"[1]", b'{"caption": ' + b"[" * 50_000, b"\xff", b'{"caption": "' + b"x" * 5_000_000]
)
def test_a_record_that_cannot_be_read_is_dropped(tmp_path: Path, record: bytes) -> None:
    counts = fetch(tmp_path, [("a.jpg", jpeg(90)), ("a.json", record)])
    assert counts["images"] == {"train": 10} and list(reasons(tmp_path)) == ["s-a"]


def test_long_captions_are_dropped_and_counted(tmp_path: Path) -> None:
    members = [
        ("a.jpg", jpeg(90)),
        ("a.txt", b"short\n" + b"long " * 50),
        ("b.jpg", jpeg(91)),
        ("b.txt", b"long " * 50),
    ]
    counts = fetch(tmp_path, members, filters={"max_caption_chars": 100})
    assert captions(tmp_path, "s-a") == ["short"]
    assert reasons(tmp_path) == {"s-a/caption/1": "caption too long", "s-b": "caption too long"}
    assert counts["dropped"] == {"caption too long": 2}
    fetch(tmp_path, members, filters={"max_caption_chars": 0})
    assert len(captions(tmp_path, "s-a")) == 2


def test_pictures_in_every_format_and_names_with_dots_are_found(tmp_path: Path) -> None:
    kinds = {"gif": "GIF", "bmp": "BMP", "tif": "TIFF", "avif": "AVIF", "jfif": "JPEG", "input.jpg": "JPEG"}
    members = [
        member
        for number, (suffix, kind) in enumerate(kinds.items())
        for member in ((f"x{number}.{suffix}", encoded(halves(), kind)), (f"x{number}.txt", b"text"))
    ]
    assert fetch(tmp_path, members)["images"] == {"train": 16}


def test_why_a_sample_has_no_image_is_said(tmp_path: Path) -> None:
    members = [
        *[("a.heic", b"x"), ("a.txt", b"a"), ("b.txt", b"b")],
        *[("c.input.jpg", jpeg(90)), ("c.output.jpg", jpeg(91)), ("c.txt", b"c")],
    ]
    fetch(tmp_path, members)
    expected = ["no file with an image's extension", "image missing", "several images in one sample"]
    assert reasons(tmp_path) == dict(zip(["s-a", "s-b", "s-c"], expected, strict=True))


def test_bad_pictures_are_dropped_with_their_reason(tmp_path: Path) -> None:
    eps = encoded(halves(), "EPS")
    pictures = {"bomb": bomb(13_000), "eps": eps, "odd": odd_exif(6), "cut": jpeg(90)[:200]}
    members = [
        member for name, data in pictures.items() for member in ((f"{name}.jpg", data), (f"{name}.txt", b"text"))
    ]
    counts = fetch(tmp_path, members)
    assert counts["images"] == {"train": 11}
    assert reasons(tmp_path) == {"s-bomb": "image has too many pixels", "s-eps": "no image", "s-cut": "no image"}
    assert ImageShards(tmp_path / "out").image("s-odd").size == (40, 80)


def test_a_shard_with_a_hole_is_refused(tmp_path: Path) -> None:
    data = bytearray(tar_bytes(samples(range(30))))
    start = data.index(b"000000014.jpg")
    data[start : start + 512] = bytes(512)
    write(tmp_path / "raw/0.tar", bytes(data))
    with pytest.raises(UserError, match="cut off or damaged") as error:
        fetch_pairs(FetchPairsParams.model_validate({"sources": [SHARDS]}), tmp_path, tmp_path / "o", tmp_path / "s")
    assert error.value.where == "raw/0.tar" and f"end mark at byte {start}" in error.value.found


@pytest.mark.parametrize("name", ["1.tgz", "1.tar.gz", "1.tar.zst"])
def test_compressed_shards_beside_others_are_not_passed_over(tmp_path: Path, name: str) -> None:
    write(tmp_path / "raw/0.tar", tar_bytes(samples(range(4))))
    write(tmp_path / "raw" / name, b"compressed")
    params = FetchPairsParams.model_validate({"sources": [SHARDS]})
    with pytest.raises(UserError, match="compressed archives") as error:
        fetch_pairs(params, tmp_path, tmp_path / "o", tmp_path / "s")
    assert name in error.value.found and "raw/*.tar" in error.value.fix
    params = FetchPairsParams.model_validate({"sources": [SHARDS | {"location": "raw/*.tar"}]})
    assert fetch_pairs(params, tmp_path, tmp_path / "o", tmp_path / "s")["images"] == {"train": 4}


def test_shards_whose_keys_start_anew_are_told_apart_by_their_names(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"raw/{number:05d}.tar", tar_bytes(samples(range(4))))
    sources = [SHARDS]
    with pytest.raises(UserError, match="one key") as error:
        fetch_pairs(FetchPairsParams.model_validate({"sources": sources}), tmp_path, tmp_path / "o", tmp_path / "s")
    assert error.value.where == "raw/00000.tar and raw/00001.tar" and "shard_in_key: true" in error.value.fix
    sources = [SHARDS | {"shard_in_key": True}]
    fetch_pairs(FetchPairsParams.model_validate({"sources": sources}), tmp_path, tmp_path / "o", tmp_path / "s")
    keys = ImageShards(tmp_path / "o").manifest["key"].to_pylist()
    assert len(set(keys)) == 12 and keys[5] == "s-00001~2f~000000001"


def make(path: Path, kind: str) -> None:
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("nowhere")
    else:
        os.mkfifo(path)


@pytest.mark.parametrize(("kind", "found"), [("folder", "folder"), ("link", "link to nowhere"), ("pipe", "pipe")])
@pytest.mark.parametrize("path", ["images-000.tar", "Flickr8k.token.txt", "Flickr_8k.trainImages.txt"])
def test_what_is_no_file_is_named_as_what_it_is(tmp_path: Path, kind: str, found: str, path: str) -> None:
    flickr8k(tmp_path / "data/raw/f8k", 3)
    make(tmp_path / "data/raw/f8k" / path, kind)
    params = FetchPairsParams.model_validate({"sources": [FLICKR8K]})
    with pytest.raises(UserError) as error:
        fetch_pairs(params, tmp_path, tmp_path / "out", tmp_path / "scratch")
    assert found in error.value.found or "holds no image" in error.value.problem


@pytest.mark.parametrize(("kind", "found"), [("folder", "a folder"), ("link", "link to nowhere"), ("pipe", "pipe")])
def test_a_shard_that_is_no_file_is_named(tmp_path: Path, kind: str, found: str) -> None:
    make(tmp_path / "raw/0.tar", kind)
    for location in ("raw", "raw/*.tar", *(["raw/0.tar"] if kind != "folder" else [])):
        params = FetchPairsParams.model_validate({"sources": [SHARDS | {"location": location}]})
        with pytest.raises(UserError) as error:
            fetch_pairs(params, tmp_path, tmp_path / "out", tmp_path / "scratch")
        assert found in error.value.found and "0.tar" in error.value.where


@pytest.mark.parametrize(("kind", "found"), [("link", "link to nowhere"), ("pipe", "pipe")])
def test_an_image_that_is_no_file_is_dropped_with_what_it_is(tmp_path: Path, kind: str, found: str) -> None:
    flickr8k(tmp_path / "data/raw/f8k", 1)
    make(tmp_path / "data/raw/f8k/0_abc.jpg", kind)
    make(tmp_path / "data/raw/f8k/images-000.tar", "folder")
    write(tmp_path / "data/raw/f8k/other.jpg", jpeg(3))
    params = FetchPairsParams.model_validate({"sources": [FLICKR8K]})
    with pytest.raises(UserError) as error:
        fetch_pairs(params, tmp_path, tmp_path / "out", tmp_path / "scratch")
    assert found in error.value.found


def test_a_folder_of_compressed_tars_is_named_as_such(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"raw/{number}.tar.gz", b"x")
    with pytest.raises(UserError, match="no files") as error:
        fetch_pairs(FetchPairsParams.model_validate({"sources": [SHARDS]}), tmp_path, tmp_path / "o", tmp_path / "s")
    assert error.value.found == "only 3 × .tar.gz" and "gunzip" in error.value.fix


def test_a_picture_of_one_value_stays_plain(tmp_path: Path) -> None:
    fetch(
        tmp_path,
        [
            ("a.png", encoded(Image.new("I;16", (20, 20), 32768), "PNG")),
            ("a.json", json.dumps({"caption": "x"}).encode()),
        ],
    )
    assert ImageShards(tmp_path / "out").image("s-a").getpixel((5, 5)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        ("pack.stored_image", MemoryError(), "not enough memory"),
        ("pack.stored_image", ValueError("a bug"), "ValueError: a bug"),
        ("webdataset.read_texts", ValueError("a bug"), "ValueError: a bug"),
    ],
)
def test_a_failure_names_shard_and_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception, message: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    module, _, name = place.partition(".")
    monkeypatch.setattr({"pack": pack, "webdataset": webdataset}[module], name, fail)
    with pytest.raises(UserError) as caught:
        fetch(tmp_path, [])
    assert message in str(caught.value)
    assert "raw/0.tar" in str(caught.value) and "s-0" in str(caught.value)
