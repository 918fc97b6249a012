"""Readers of image lists, CC3M's list, JSON lists, and where files lie."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.fetch.files import FLICKR8K, flickr8k, jpeg, tar_bytes, write, write_json, write_zip

from pipeline.core.errors import UserError
from pipeline.fetch.captions import flickr8k as flickr8k_source
from pipeline.fetch.captions.coco import CocoSource
from pipeline.fetch.captions.flickr8k import Flickr8kSource
from pipeline.fetch.captions.karpathy import KarpathySource
from pipeline.fetch.packing.dropped import CAPTION_TOO_LONG, Ledger
from pipeline.fetch.packing.keys import file_key, file_keys, image_key
from pipeline.fetch.packing.source import ListedImage, locate
from pipeline.fetch.packing.units import even_slices
from pipeline.fetch.raw.archive import ImageArchive, ImageReader
from pipeline.fetch.raw.locations import expand_braces, find_files, require_file
from pipeline.fetch.raw.tar_index import scan_tar
from pipeline.fetch.raw.texts import MOST_CHARACTERS
from pipeline.fetch.stages.pairs_params import FetchPairsParams


def test_braces_stand_for_ranges_with_their_zeros() -> None:
    assert expand_braces("a-{0008..0010}.tar") == ["a-0008.tar", "a-0009.tar", "a-0010.tar"]
    assert expand_braces("{1..2}/{0..1}") == ["1/0", "1/1", "2/0", "2/1"]
    assert expand_braces("plain") == ["plain"]
    with pytest.raises(UserError, match="cannot be expanded"):
        expand_braces("{5..2}")


@pytest.mark.parametrize(
    "text", ["{1..1000}" * 3, "{1..2}" * 100, f"{{{'0' * 10_000}..1}}", f"{{0..{'9' * 5_000}}}", "{0..1}{3..1}"]
)
def test_ranges_that_multiply_out_are_refused_at_once(text: str) -> None:
    with pytest.raises(UserError, match="cannot be expanded"):
        expand_braces(text)


def test_a_location_is_a_file_a_folder_or_a_pattern(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path / f"raw/{name}.tar", b"")
    assert find_files(tmp_path, "raw", ".tar") == ["raw/a.tar", "raw/b.tar"]
    assert find_files(tmp_path, "raw/b*.tar", ".tar") == ["raw/b.tar"]
    assert find_files(tmp_path, "raw/a.tar", ".tar") == ["raw/a.tar"]
    for missing in ("none", "raw/c*.tar"):
        with pytest.raises(UserError, match="no files"):
            find_files(tmp_path, missing, ".tar")


def test_a_caption_of_megabytes_is_dropped_without_being_cleaned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flickr8k(tmp_path / "data/raw/f8k", 3)
    tokens = tmp_path / "data/raw/f8k/Flickr8k.token.txt"
    tokens.write_text(f"{tokens.read_text()}0_abc.jpg#7\t{'a ' * MOST_CHARACTERS}\n")
    cleaned: list[str] = []
    monkeypatch.setattr(flickr8k_source, "clean_text", lambda text: cleaned.append(text) or text)
    ledger = Ledger("flickr8k")
    images = Flickr8kSource.model_validate(FLICKR8K).listed(tmp_path, ledger)
    assert [len(image.captions) for image in images] == [2, 2, 2]
    assert [row["reason"] for row in ledger.rows] == [CAPTION_TOO_LONG]
    assert max(map(len, cleaned)) < 100


def test_a_caption_that_is_no_utf8_is_dropped_alone(tmp_path: Path) -> None:
    flickr8k(tmp_path / "data/raw/f8k", 3)
    tokens = tmp_path / "data/raw/f8k/Flickr8k.token.txt"
    tokens.write_bytes(tokens.read_bytes() + "0_abc.jpg#7\tun café\n".encode("latin-1"))
    ledger = Ledger("flickr8k")
    images = Flickr8kSource.model_validate(FLICKR8K).listed(tmp_path, ledger)
    assert [len(image.captions) for image in images] == [2, 2, 2]
    assert [row["reason"] for row in ledger.rows] == ["bad line"]


@pytest.mark.parametrize("path", ["/abs/x", "../x", "", "http://host/x"])
def test_paths_outside_the_repository_are_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="relative"):
        FetchPairsParams.model_validate({"sources": [FLICKR8K | {"images": path}]})


def test_two_sources_of_one_name_and_unknown_splits_are_refused() -> None:
    with pytest.raises(ValidationError, match="different names"):
        FetchPairsParams.model_validate({"sources": [FLICKR8K, FLICKR8K]})
    with pytest.raises(ValidationError, match="train and val"):
        FetchPairsParams.model_validate({"sources": [FLICKR8K | {"split": "dev"}]})


@given(st.lists(st.text(max_size=8), unique=True, max_size=20))
def test_keys_are_one_to_one_and_safe(names: list[str]) -> None:
    keys = [image_key("src", name) for name in names]
    assert len(set(keys)) == len(names)
    assert not any(set(key) & set("./\\ \n") for key in keys)


def test_images_are_found_in_files_tars_and_zips(tmp_path: Path) -> None:
    write(tmp_path / "im/sub/a.jpg", jpeg(1))
    write(tmp_path / "im/x.tar", tar_bytes([("b.jpg", jpeg(2)), ("a.jpg", jpeg(9)), ("note.txt", b"x")]))
    write_zip(tmp_path / "im/y.zip", {"VG_100K/c.jpg": jpeg(3), "VG_100K_2/d.jpg": jpeg(4), "VG_100K/d.jpg": jpeg(5)})
    archive = ImageArchive(tmp_path, "im")
    with ImageReader(tmp_path) as reader:
        for name, seed in (("a.jpg", 1), ("b.jpg", 2), ("c.jpg", 3), ("VG_100K_2/d.jpg", 4), ("VG_100K/d.jpg", 5)):
            place = archive.find(name)
            assert place is not None
            assert reader.read(place) == jpeg(seed), name
    with pytest.raises(UserError, match="fits two files"):
        archive.find("d.jpg")
    assert archive.find("zz.jpg") is None


def test_a_folder_without_images_and_damaged_archives_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is missing"):
        ImageArchive(tmp_path, "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no image"):
        ImageArchive(tmp_path, "empty")
    write_zip(tmp_path / "z/a.zip", {"a.jpg": jpeg(1)})
    write(tmp_path / "z/a.zip", (tmp_path / "z/a.zip").read_bytes()[:-30])
    with pytest.raises(UserError, match="cut off"):
        ImageArchive(tmp_path, "z")


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.77, 0.999])
def test_a_tar_that_is_cut_anywhere_is_refused(tmp_path: Path, share: float) -> None:
    whole = tar_bytes([(f"{i}.jpg", jpeg(i)) for i in range(8)])
    end = len(whole.rstrip(b"\0"))
    path = write(tmp_path / "t.tar", whole)
    assert [place.member for place in scan_tar(path)] == [f"{i}.jpg" for i in range(8)]
    write(path, whole[: int(end * share)])
    with pytest.raises(UserError, match="cut off"):
        scan_tar(path)


def test_a_tar_that_is_cut_between_two_files_is_refused(tmp_path: Path) -> None:
    whole = tar_bytes([("a.jpg", b"x" * 512), ("b.jpg", b"y" * 512)])
    with pytest.raises(UserError, match="cut off"):
        scan_tar(write(tmp_path / "t.tar", whole[:1024]))
    with pytest.raises(UserError, match="cut off"):
        scan_tar(write(tmp_path / "html.tar", b"<html>not found</html>" * 100))


def test_karpathy(tmp_path: Path) -> None:
    images = [
        {"filename": f"{i}.jpg", "filepath": "val2014", "split": split, "url": f"toyworld://0/benchmark/{i}",
         "sentences": [{"raw": f"text {k} "} for k in range(5 + i)]}
        for i, split in enumerate(["train", "test", "test"])
    ]  # fmt: skip
    write_json(tmp_path / "k.json", {"images": images, "dataset": "toy"})
    source = {"kind": "karpathy", "name": "k", "images": "im", "annotations": "k.json"}
    listed = KarpathySource.model_validate(source | {"select": ["test"]}).read(tmp_path, Ledger("x"))
    assert [image.file_name for image in listed] == ["val2014/1.jpg", "val2014/2.jpg"]
    assert [len(image.captions) for image in listed] == [6, 7]
    assert listed[0].captions[0] == "text 0"
    assert listed[0].url == "toyworld://0/benchmark/1"
    with pytest.raises(UserError, match="no split restval"):
        KarpathySource.model_validate(source | {"select": ["restval"]}).read(tmp_path, Ledger("x"))


def test_flickr8k(tmp_path: Path) -> None:
    flickr8k(tmp_path / "data/raw/f8k", 3)
    source = Flickr8kSource.model_validate(FLICKR8K)
    listed = source.read(tmp_path, Ledger("x"))
    assert listed[1].captions == ["caption 0 of 1_abc.jpg .", "caption 1 of 1_abc.jpg ."]
    write(tmp_path / source.image_list, "0_abc.jpg\nother.jpg\n")
    write(tmp_path / source.tokens, "0_abc.jpg#0\tfine\n0_abc.jpg no tab\n")
    ledger = Ledger("x")
    assert [list(image.captions) for image in source.read(tmp_path, ledger)] == [["fine"]]
    assert {row["key"]: row["reason"] for row in ledger.rows} == {
        "Flickr8k.token.txt/line 2": "bad line",
        "Flickr_8k.trainImages.txt/line 2": "no caption",
    }


def test_coco_captions(tmp_path: Path) -> None:
    content = {
        "images": [{"id": i, "file_name": f"{i:012d}.jpg", "coco_url": f"http://coco/{i}"} for i in range(3)],
        "annotations": [{"id": i, "image_id": i % 2, "caption": f"c{i}"} for i in range(7)],
    }
    write_json(tmp_path / "c.json", content)
    source = CocoSource.model_validate({"kind": "coco", "name": "c", "images": "im", "captions": "c.json"})
    listed = source.read(tmp_path, Ledger("x"))
    assert [(image.file_name, list(image.captions)) for image in listed] == [
        ("000000000000.jpg", ["c0", "c2", "c4", "c6"]),
        ("000000000001.jpg", ["c1", "c3", "c5"]),
    ]
    assert listed[0].url == "http://coco/0"
    write_json(tmp_path / "c.json", content | {"annotations": [{"id": 1, "image_id": 9, "caption": "c"}]})
    ledger = Ledger("x")
    assert source.read(tmp_path, ledger) == []
    assert ledger.examples == {"unknown image": "c.json, annotations/0: image_id 9"}
    write(tmp_path / "c.json", json.dumps(content)[:-20])
    with pytest.raises(UserError, match="JSON"):
        source.read(tmp_path, Ledger("x"))


def test_an_image_that_is_listed_twice_is_named_with_both_places(tmp_path: Path) -> None:
    write(tmp_path / "im/a.jpg", jpeg(1))
    source = CocoSource.model_validate({"kind": "coco", "name": "s", "images": "im", "captions": "c.json"})
    images = [ListedImage("a.jpg", f"list, line {n}", ["x"], key="s-a") for n in (1, 5)]
    ledger = Ledger("s")
    assert [image.key for image in locate(source, images, tmp_path, ledger)] == ["s-a"]
    assert ledger.examples == {"listed twice": "list, line 1 and list, line 5"}


def karpathy(root: Path, *names: str) -> list[str]:
    """Keys, files and reasons of the images that a list names, with the source `k` of the folder `im`."""
    images = [
        dict(zip(("filepath", "filename"), name.rpartition("/")[::2], strict=True))
        | {"split": "test", "sentences": [{"raw": "text"}]}
        for name in names
    ]
    write_json(root / "k.json", {"images": images})
    fields = {"kind": "karpathy", "name": "k", "images": "im", "annotations": "k.json", "select": ["test"]}
    source = KarpathySource.model_validate(fields)
    ledger = Ledger("k")
    located = locate(source, source.read(root, ledger), root, ledger)
    return [f"{image.key} {image.place}" for image in located] + [row["reason"] for row in ledger.rows]


def test_a_given_path_is_never_served_from_another_folder(tmp_path: Path) -> None:
    write(tmp_path / "im/dogs/1.jpg", jpeg(1))
    write(tmp_path / "im/2.jpg", jpeg(2))
    assert karpathy(tmp_path, "cats/1.jpg", "1.jpg") == ["k-1~2e~jpg im/dogs/1.jpg", "image missing"]
    assert karpathy(tmp_path, "val2014/2.jpg", "im/dogs/1.jpg") == ["k-2 im/2.jpg", "k-1 im/dogs/1.jpg"]
    write(tmp_path / "im/1.jpg", jpeg(3))
    write(tmp_path / "im/cats.tar", tar_bytes([("cats/1.jpg", jpeg(4))]))
    assert karpathy(tmp_path, "cats/1.jpg") == ["k-1 im/cats.tar: cats/1.jpg"]
    assert karpathy(tmp_path, "birds/9.jpg") == ["image missing"]


def test_images_of_one_base_name_are_both_kept(tmp_path: Path) -> None:
    for name in ("cats/1.jpg", "dogs/1.jpg", "dogs/2.jpg", "3.jpg", "3.png"):
        write(tmp_path / "im" / name, jpeg(1))
    assert karpathy(tmp_path, "cats/1.jpg", "dogs/1.jpg", "dogs/2.jpg", "3.jpg", "3.png") == [
        "k-cats~2f~1~2e~jpg im/cats/1.jpg",
        "k-dogs~2f~1~2e~jpg im/dogs/1.jpg",
        "k-2 im/dogs/2.jpg",
        "k-3~2e~jpg im/3.jpg",
        "k-3~2e~png im/3.png",
    ]


@given(st.lists(st.text("ab./~", min_size=1, max_size=6), unique=True, max_size=12))
def test_keys_of_file_names_are_unique(names: list[str]) -> None:
    keys = file_keys("s", names)
    assert list(keys) == names
    assert len(set(keys.values())) == len(names)
    short = Counter(file_key("s", name) for name in names)
    if max(short.values(), default=0) < 2:
        assert keys == {name: file_key("s", name) for name in names}


@pytest.mark.parametrize("name", ["photos/link", "photos/sub/link"])
def test_links_below_a_named_folder_are_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path / "elsewhere/a.jpg", jpeg(1))
    write(tmp_path / "elsewhere/a.tar", tar_bytes([("a.jpg", jpeg(1))]))
    write(tmp_path / "photos/sub/b.jpg", jpeg(2))
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is a link inside") as error:
        ImageArchive(tmp_path, "photos")
    assert error.value.where == f"photos: {name.removeprefix('photos/')}"
    with pytest.raises(UserError, match="is a link inside"):
        find_files(tmp_path, "photos/*/*.tar" if "sub" not in name else "photos/sub/*/*.tar", ".tar")
    (tmp_path / "top").symlink_to(tmp_path / "elsewhere")
    assert ImageArchive(tmp_path, "top").find("a.jpg") is not None


@given(st.integers(0, 500), st.integers(1, 70))
def test_slices_are_even_and_cover_all(total: int, size: int) -> None:
    parts = even_slices(total, size)
    lengths = [part.stop - part.start for part in parts]
    assert [i for part in parts for i in range(total)[part]] == list(range(total))
    assert all(0 < length <= size for length in lengths)
    assert not lengths or max(lengths) - min(lengths) <= 1


LINE = st.text(st.characters(exclude_characters="\t\r\n", exclude_categories=["Cs"]), min_size=1, max_size=20)


def test_real_lists(real_data: Path) -> None:
    base = FLICKR8K | {"images": "flickr8k", "tokens": "flickr8k/Flickr8k.token.txt"}
    for split, count in (("train", 6000), ("dev", 1000)):
        lists = base | {"image_list": f"flickr8k/Flickr_8k.{split}Images.txt"}
        source = Flickr8kSource.model_validate(lists)
        images = source.read(real_data, Ledger("x"))
        assert len(images) == count
        assert {len(image.captions) for image in images} == {5}
        assert len(locate(source, images, real_data, Ledger("x"))) == count


def test_a_shard_or_list_that_may_not_be_read_is_named_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.tar", b"x")
    monkeypatch.setattr("os.access", lambda *_: False)
    for read in (lambda: find_files(tmp_path, "a.tar", ".tar"), lambda: require_file(tmp_path, "a.tar")):
        with pytest.raises(UserError, match="input cannot be read") as error:
            read()
        assert error.value.where == "a.tar"
