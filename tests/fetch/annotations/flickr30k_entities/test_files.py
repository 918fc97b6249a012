"""Where the files of Flickr30k Entities lie: folders, zips, and what is damaged there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fetch.annotations.flickr30k_entities.official import FILES, write_source, write_zipped
from tests.fetch.files import write, write_zip

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.flickr30k_entities.files import MOST_BYTES, EntityFiles


def test_folders_hold_photographs_in_order_of_their_numbers(tmp_path: Path) -> None:
    write_source(tmp_path)
    for name in ("Annotations/.xml", "Annotations/notes.xml", "Annotations/7.txt", "Sentences/.77.txt", "README.md"):
        write(tmp_path / "raw/ents" / name, "")
    with EntityFiles(tmp_path, "raw/ents") as files:
        assert files.image_ids == ["77", "100"]
        assert files.read("Annotations", "77").decode() == FILES["Annotations/77.xml"]


@pytest.mark.parametrize("prefix", ["", "flickr30k_entities-master/"])
def test_a_zip_holds_the_same(tmp_path: Path, prefix: str) -> None:
    write_zipped(tmp_path, prefix)
    with EntityFiles(tmp_path, "raw/ents.zip") as files:
        assert files.image_ids == ["77", "100"]
        for path, content in FILES.items():
            folder, _, name = path.partition("/")
            assert files.read(folder, name.partition(".")[0]).decode() == content


def reason(root: Path, folder: str, image_id: str, location: str = "raw/ents") -> str:
    with EntityFiles(root, location) as files, pytest.raises(UserError) as raised:
        files.read(folder, image_id)
    return raised.value.problem


def test_a_file_that_is_missing_or_too_large_is_a_message(tmp_path: Path) -> None:
    write_source(tmp_path, txt_77=None, xml_100=" " * (MOST_BYTES + 1))
    assert reason(tmp_path, "Sentences", "77") == "annotation file missing"
    assert reason(tmp_path, "Annotations", "100") == "annotation file too large"
    (tmp_path / "raw/ents/Sentences/77.txt").symlink_to("nothing")
    assert reason(tmp_path, "Sentences", "77") == "annotation file missing"


def test_a_zip_member_that_is_damaged_or_unpacks_to_gigabytes_is_a_message(tmp_path: Path) -> None:
    members = {path: content.encode() for path, content in FILES.items()}
    path = write_zip(tmp_path / "raw/ents.zip", members | {"Annotations/77.xml": b" " * (64 << 20)})
    assert reason(tmp_path, "Annotations", "77", "raw/ents.zip") == "annotation file too large"
    path = write_zip(path, members)
    data = bytearray(path.read_bytes())
    at = data.index(b"Annotations/77.xml") + len("Annotations/77.xml")
    data[at : at + 8] = b"\xff" * 8
    path.write_bytes(data)
    assert reason(tmp_path, "Annotations", "77", "raw/ents.zip") == "text unreadable"


def test_a_source_without_one_kind_of_files_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lacks files") as raised:
        EntityFiles(tmp_path, "raw/ents")
    assert (raised.value.found, raised.value.expected) == (
        "nothing",
        "Annotations/<number>.xml, in a folder or a zip",
    )
    write_source(tmp_path, txt_77=None, txt_100=None)
    with pytest.raises(UserError, match=r"Sentences/<number>\.txt"):
        EntityFiles(tmp_path, "raw/ents")
    write(tmp_path / "raw/ents.zip", b"no zip")
    with pytest.raises(UserError, match="damaged"):
        EntityFiles(tmp_path, "raw/ents.zip")


def test_a_folder_that_is_a_link_is_refused_since_dvc_does_not_look_behind_it(tmp_path: Path) -> None:
    write_source(tmp_path)
    (tmp_path / "raw/ents/Sentences").rename(tmp_path / "elsewhere")
    (tmp_path / "raw/ents/Sentences").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="DVC does not look behind it"):
        EntityFiles(tmp_path, "raw/ents")
