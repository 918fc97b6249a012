"""A tar is read whole, or refused with what is wrong with it."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from tests.fetch.files import jpeg, samples, tar_bytes, write

from pipeline.core.errors import UserError
from pipeline.fetch.raw.tar_index import scan_tar
from pipeline.storage.shards import ShardWriter, stream_shard
from pipeline.tables.pairs import MANIFEST

WHOLE = tar_bytes(samples(range(30)))
BARE = WHOLE[: (len(WHOLE.rstrip(b"\0")) + 511) // 512 * 512]
"""Without its end mark."""
MIDDLE = WHOLE.index(b"000000015.jpg")


def with_zeros(start: int, count: int) -> bytes:
    return WHOLE[:start] + bytes(count) + WHOLE[start + count :]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (with_zeros(MIDDLE, 512), f"end mark at byte {MIDDLE} of"),
        (with_zeros(MIDDLE, 4096), f"end mark at byte {MIDDLE} of"),
        (WHOLE + WHOLE, "another file ('000000000.jpg')"),
        (BARE + bytes(512) + WHOLE, "another file ('000000000.jpg')"),
        (WHOLE + b"x", "more data"),
        (WHOLE + bytes(2 << 20), "a hole"),
        (gzip.compress(WHOLE), "compressed with gzip"),
    ],
    ids=["zeroed header", "hole", "two tars", "two tars, little between", "rest", "hole at the end", "gzip"],
)
def test_a_tar_that_is_not_whole_is_refused(tmp_path: Path, data: bytes, found: str) -> None:
    with pytest.raises(UserError, match="cut off or damaged") as error:
        scan_tar(write(tmp_path / "t.tar", data), "the tar")
    assert error.value.where == "the tar" and found in error.value.found
    assert error.value.fix


@pytest.mark.parametrize("padding", [1024, 10_240, 65_536])
def test_zeros_after_the_end_mark_are_accepted(tmp_path: Path, padding: int) -> None:
    path = write(tmp_path / "t.tar", BARE + bytes(padding))
    assert len(scan_tar(path)) == 60


def test_a_hard_link_is_the_file_that_it_links_to(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        info = tarfile.TarInfo("a.jpg")
        info.size = len(jpeg(1))
        tar.addfile(info, io.BytesIO(jpeg(1)))
        link = tarfile.TarInfo("b.jpg")
        link.type, link.linkname = tarfile.LNKTYPE, "a.jpg"
        tar.addfile(link)
    first, second = scan_tar(write(tmp_path / "t.tar", stream.getvalue()))
    assert (second.member, second.offset, second.size) == ("b.jpg", first.offset, first.size)


def test_a_shard_with_a_hole_is_not_streamed_as_whole(tmp_path: Path) -> None:
    path = tmp_path / "train-00000.tar"
    with ShardWriter(path, "train") as writer:
        for number in range(4):
            writer.add(f"k{number}", jpeg(number), ["caption"])
    MANIFEST.write(tmp_path / "manifest.parquet", writer.manifest())
    data = path.read_bytes()
    assert len(list(stream_shard(path))) == 4
    header = data.index(b"k2.jpg")
    path.write_bytes(data[:header] + bytes(512) + data[header + 512 :])
    with pytest.raises(UserError, match="missing, cut off") as error:
        list(stream_shard(path))
    assert f"end mark at byte {header}" in error.value.found
