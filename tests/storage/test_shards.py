from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.core.errors import UserError
from pipeline.storage.images import decode_image
from pipeline.storage.shards import ImageShards, ShardWriter, stream_shard
from pipeline.tables.pairs import MANIFEST


def write(folder: Path, jpeg: Callable[..., bytes], count: int = 3) -> bytes:
    path = folder / "train-00000.tar"
    with ShardWriter(path, "train") as writer:
        for number in range(count):
            writer.add(f"{number:03d}" + "x" * 120 * (number == 1), jpeg(number), [f"caption {number}", "é"], url="u")
    MANIFEST.write(folder / "manifest.parquet", writer.manifest())
    return path.read_bytes()


def test_offsets_find_every_image_and_tar_is_plain_webdataset(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    write(tmp_path, jpeg)
    shards = ImageShards(tmp_path)
    with tarfile.open(shards.path("train-00000")) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    for number, key in enumerate(shards.manifest["key"].to_pylist()):
        assert shards.jpeg(key) == jpeg(number) == members[f"{key}.jpg"]
        assert members[f"{key}.txt"].decode() == f"caption {number}"
        assert shards.image(key).size == (24, 16)
    assert shards.shards("train") == ["train-00000"] and shards.shards("val") == []


def test_equal_content_gives_equal_bytes(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    assert write(tmp_path / "a", jpeg) == write(tmp_path / "b", jpeg)


def test_a_failed_shard_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="cannot be decoded"),
        ShardWriter(tmp_path / "t-00000.tar", "t") as writer,
    ):
        writer.add("a", b"no image", [])
    assert list(tmp_path.iterdir()) == []


def test_cut_off_missing_and_empty(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    data = write(tmp_path, jpeg)
    tar = tmp_path / "train-00000.tar"
    tar.unlink()
    with pytest.raises(UserError, match="missing"):
        ImageShards(tmp_path)
    tar.write_bytes(data[:3000])
    with pytest.raises(UserError, match="cut off"):
        ImageShards(tmp_path)
    MANIFEST.write(tmp_path / "manifest.parquet", [])
    with pytest.raises(UserError, match="holds no image"):
        ImageShards(tmp_path)


def test_a_shard_is_streamed_in_the_order_of_its_tar(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    write(tmp_path, jpeg)
    shards = ImageShards(tmp_path)
    keys = shards.manifest["key"].to_pylist()
    tar = shards.path("train-00000")
    assert list(stream_shard(tar)) == [(key, shards.jpeg(key)) for key in keys]
    assert list(stream_shard(tar, {keys[2], "unknown"})) == [(keys[2], shards.jpeg(keys[2]))]


@pytest.mark.parametrize("share", [0.0, 0.05, 0.4, 0.77, 1.0])
def test_a_shard_that_is_cut_anywhere_is_refused(tmp_path: Path, jpeg: Callable[..., bytes], share: float) -> None:
    data = write(tmp_path, jpeg)
    tar = tmp_path / "train-00000.tar"
    tar.write_bytes(data[: int(share * len(data.rstrip(b"\0")))])
    with pytest.raises(UserError, match="cut off") as error:
        list(stream_shard(tar))
    assert error.value.where == str(tar)


def test_a_shard_that_ends_between_two_images_is_refused(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    data = write(tmp_path, jpeg)
    tar = tmp_path / "train-00000.tar"
    second = ImageShards(tmp_path).manifest["offset"].to_pylist()[1]
    header = data.rindex(b"000.json", 0, second)
    tar.write_bytes(data[:header] + b"\1" * 512 + data[header + 512 :])
    with pytest.raises(UserError, match="cut off"):
        list(stream_shard(tar))
    tar.unlink()
    with pytest.raises(UserError, match="missing"):
        list(stream_shard(tar))


def test_cut_off_image(jpeg: Callable[..., bytes]) -> None:
    with pytest.raises(UserError, match=r"here: 7"):
        decode_image(jpeg()[:200], where="here: 7")
