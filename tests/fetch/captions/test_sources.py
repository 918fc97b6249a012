"""Readers of image lists, CC3M's list, JSON lists, and where files lie."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.fetch.files import FLICKR8K, flickr8k, jpeg, tar_bytes, write, write_json, write_zip

from pipeline.core.errors import UserError
from pipeline.fetch.captions.cc3m_tsv import Cc3mTsvSource, read_tsv, rows_not_downloaded
from pipeline.fetch.captions.coco import CocoSource
from pipeline.fetch.captions.flickr8k import Flickr8kSource
from pipeline.fetch.captions.karpathy import KarpathySource
from pipeline.fetch.packing.keys import image_key
from pipeline.fetch.packing.source import ListedImage, locate
from pipeline.fetch.packing.units import even_slices
from pipeline.fetch.raw.archive import ImageArchive, ImageReader
from pipeline.fetch.raw.locations import expand_braces, find_files, require_file
from pipeline.fetch.raw.tar_index import scan_tar
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
    with pytest.raises(UserError, match="1 of 2 images are missing") as error:
        archive.find_all(["a.jpg", "zz.jpg"], "list.json")
    assert "list.json" in error.value.where
    assert "zz.jpg" in error.value.found


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
    listed = KarpathySource.model_validate(source | {"select": ["test"]}).read(tmp_path)
    assert [image.file_name for image in listed] == ["val2014/1.jpg", "val2014/2.jpg"]
    assert [len(image.captions) for image in listed] == [6, 7]
    assert listed[0].captions[0] == "text 0"
    assert listed[0].url == "toyworld://0/benchmark/1"
    with pytest.raises(UserError, match="no split restval"):
        KarpathySource.model_validate(source | {"select": ["restval"]}).read(tmp_path)


def test_flickr8k(tmp_path: Path) -> None:
    flickr8k(tmp_path / "data/raw/f8k", 3)
    source = Flickr8kSource.model_validate(FLICKR8K)
    listed = source.read(tmp_path)
    assert listed[1].captions == ["caption 0 of 1_abc.jpg .", "caption 1 of 1_abc.jpg ."]
    write(tmp_path / source.image_list, "0_abc.jpg\nother.jpg\n")
    with pytest.raises(UserError, match="no captions") as error:
        source.read(tmp_path)
    assert error.value.where.endswith("line 2")
    write(tmp_path / source.tokens, "0_abc.jpg#0\tfine\n0_abc.jpg no tab\n")
    with pytest.raises(UserError, match="another form") as error:
        source.read(tmp_path)
    assert error.value.where.endswith("line 2")


def test_coco_captions(tmp_path: Path) -> None:
    content = {
        "images": [{"id": i, "file_name": f"{i:012d}.jpg", "coco_url": f"http://coco/{i}"} for i in range(3)],
        "annotations": [{"id": i, "image_id": i % 2, "caption": f"c{i}"} for i in range(7)],
    }
    write_json(tmp_path / "c.json", content)
    source = CocoSource.model_validate({"kind": "coco", "name": "c", "images": "im", "captions": "c.json"})
    listed = source.read(tmp_path)
    assert [(image.file_name, list(image.captions)) for image in listed] == [
        ("000000000000.jpg", ["c0", "c2", "c4", "c6"]),
        ("000000000001.jpg", ["c1", "c3", "c5"]),
    ]
    assert listed[0].url == "http://coco/0"
    write_json(tmp_path / "c.json", content | {"annotations": [{"id": 1, "image_id": 9, "caption": "c"}]})
    with pytest.raises(UserError, match="does not list"):
        source.read(tmp_path)
    write(tmp_path / "c.json", json.dumps(content)[:-20])
    with pytest.raises(UserError, match="JSON"):
        source.read(tmp_path)


def test_an_image_that_is_listed_twice_is_named_with_both_places(tmp_path: Path) -> None:
    write(tmp_path / "im/a.jpg", jpeg(1))
    source = CocoSource.model_validate({"kind": "coco", "name": "s", "images": "im", "captions": "c.json"})
    images = [ListedImage("s-a", "a.jpg", f"list, line {n}", ["x"]) for n in (1, 5)]
    with pytest.raises(UserError, match="one key") as error:
        locate(source, images, tmp_path)
    assert error.value.where == "list, line 1 and list, line 5"


@given(st.integers(0, 500), st.integers(1, 70))
def test_slices_are_even_and_cover_all(total: int, size: int) -> None:
    parts = even_slices(total, size)
    lengths = [part.stop - part.start for part in parts]
    assert [i for part in parts for i in range(total)[part]] == list(range(total))
    assert all(0 < length <= size for length in lengths)
    assert not lengths or max(lengths) - min(lengths) <= 1


LINE = st.text(st.characters(exclude_characters="\t\r\n", exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(max_examples=30)
@given(st.lists(LINE.filter(lambda text: text.strip()), min_size=1, max_size=6))
def test_the_list_of_cc3m_reads_what_was_written(tmp_path_factory: pytest.TempPathFactory, captions: list[str]) -> None:
    captions[0] = "first " + captions[0]
    rows = [(caption, f"https://host/{i}.jpg") for i, caption in enumerate(captions)]
    path = tmp_path_factory.mktemp("tsv") / "x.tsv"
    path.write_bytes("".join(f"{caption}\t{url}\n" for caption, url in rows).encode())
    assert list(read_tsv(path, "x.tsv")) == [(caption.strip(), url) for caption, url in rows]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\thttp://h/1\nb\n", 2),
        ("a\thttp://h/1\textra\n", 1),
        ("\thttp://h/1\n", 1),
        ("a\tftp://h/1\n", 1),
        ("a\thttp://\n", 1),
        ("caption\turl\na\thttp://h/1\n", 1),
        ("a\thttp://h/1\n\nb\thttp://h/2\n", 2),
    ],
)
def test_a_bad_line_of_cc3m_is_named(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(UserError) as error:
        list(read_tsv(write(tmp_path / "x.tsv", text), "x.tsv"))
    assert error.value.where == f"x.tsv, line {line}"


def test_rows_of_cc3m_are_dropped_as_not_downloaded(tmp_path: Path) -> None:
    write(tmp_path / "x.tsv", "a\thttp://h/1\nb\thttp://h/2\nc\thttp://h/1\n")
    source = Cc3mTsvSource.model_validate({"kind": "cc3m_tsv", "name": "cc3m", "file": "x.tsv"})
    rows = rows_not_downloaded(source, tmp_path).to_pylist()
    assert [row["reason"] for row in rows] == ["not downloaded", "not downloaded", "duplicate url"]
    assert [row["permanent"] for row in rows] == [False, False, True]
    assert rows[1]["key"] == "cc3m-00000002"


def test_real_lists(real_data: Path) -> None:
    rows = list(read_tsv(real_data / "text/Validation_GCC-1.1.0-Validation.tsv", "tsv"))
    assert len(rows) == 15_833
    base = FLICKR8K | {"images": "flickr8k", "tokens": "flickr8k/Flickr8k.token.txt"}
    for split, count in (("train", 6000), ("dev", 1000)):
        lists = base | {"image_list": f"flickr8k/Flickr_8k.{split}Images.txt"}
        source = Flickr8kSource.model_validate(lists)
        images = source.read(real_data)
        assert len(images) == count
        assert {len(image.captions) for image in images} == {5}
        assert len(locate(source, images, real_data)) == count


def test_a_shard_or_list_that_may_not_be_read_is_named_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.tar", b"x")
    monkeypatch.setattr("os.access", lambda *_: False)
    for read in (lambda: find_files(tmp_path, "a.tar", ".tar"), lambda: require_file(tmp_path, "a.tar")):
        with pytest.raises(UserError, match="input cannot be read") as error:
            read()
        assert error.value.where == "a.tar"
