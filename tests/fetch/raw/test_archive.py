"""Archives that say of a file that it is larger, or smaller, than a picture can be."""

from __future__ import annotations

import errno
import os
import zipfile
from pathlib import Path

import pytest
from tests.fetch.files import jpeg, tar_bytes, write

from pipeline.core.errors import UserError
from pipeline.fetch.raw import place as places
from pipeline.fetch.raw.archive import ImageArchive, ImageReader, walk
from pipeline.fetch.raw.place import Place


def read(root: Path, name: str) -> bytes:
    place = ImageArchive(root, "im").find(name)
    assert place is not None
    with ImageReader(root) as reader:
        return reader.read(place)


@pytest.mark.parametrize("kind", ["zip", "tar", "file"])
def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(places, "MOST_BYTES", 100_000)
    large = jpeg(1) + bytes(200_000)
    if kind == "file":
        write(tmp_path / "im/a.jpg", large)
        write(tmp_path / "im/b.jpg", jpeg(1))
    elif kind == "tar":
        write(tmp_path / "im/x.tar", tar_bytes([("a.jpg", large), ("b.jpg", jpeg(1))]))
    else:
        (tmp_path / "im").mkdir()
        with zipfile.ZipFile(tmp_path / "im/x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.jpg", large)
            archive.writestr("b.jpg", jpeg(1))
    with pytest.raises(UserError, match="too large") as error:
        read(tmp_path, "a.jpg")
    assert "a.jpg" in error.value.where and "bytes" in error.value.found
    assert read(tmp_path, "b.jpg") == jpeg(1)


def test_a_zip_that_lies_about_a_size_gives_no_more_than_it_says(tmp_path: Path) -> None:
    with zipfile.ZipFile(write(tmp_path / "im/x.zip", b""), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", jpeg(1) + bytes(1_000_000))
    data = (tmp_path / "im/x.zip").read_bytes()
    size = len(jpeg(1)) + 1_000_000
    write(tmp_path / "im/x.zip", data.replace(size.to_bytes(4, "little"), (500).to_bytes(4, "little")))
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path, "a.jpg")


@pytest.mark.parametrize(
    "error", [OSError(errno.EMFILE, "Too many open files"), MemoryError(), PermissionError(errno.EACCES, "denied")]
)
def test_what_the_system_refuses_is_no_fault_of_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")

    def refuse(_: Path) -> bytes:
        raise error

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with ImageReader(tmp_path) as reader, pytest.raises(type(error)):
        reader.read(Place("a.jpg"))


def test_a_folder_that_may_not_be_read_is_no_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(errno.EACCES, "denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="denied"):
        walk(tmp_path, "images")
