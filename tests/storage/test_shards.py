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


def painted_over(folder: Path, key: str, jpeg: Callable[..., bytes]) -> None:
    """Put another picture of the same size into the tar, in place."""
    row = next(row for row in MANIFEST.read(folder / "manifest.parquet").to_pylist() if row["key"] == key)
    path, other = folder / f"{row['shard']}.tar", jpeg(99)
    other = other[: row["size"]].ljust(row["size"], b"\0")
    data = bytearray(path.read_bytes())
    data[row["offset"] : row["offset"] + row["size"]] = other
    path.write_bytes(data)


def test_a_picture_that_was_painted_over_is_refused(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    write(tmp_path, jpeg)
    painted_over(tmp_path, "002", jpeg)
    shards = ImageShards(tmp_path)
    assert shards.jpeg("000") == jpeg(0)
    tar = shards.path("train-00000")
    assert [key for key, _ in stream_shard(tar, {"000"})] == ["000"]
    for read in (lambda: shards.jpeg("002"), lambda: list(stream_shard(tar))):
        with pytest.raises(UserError, match="not the one that the manifest lists") as error:
            read()
        assert error.value.where == f"{tar}: 002" and error.value.expected.startswith("SHA-256 ")


def test_keys_that_were_swapped_are_refused(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    write(tmp_path, jpeg)
    before = ImageShards(tmp_path)
    rows = MANIFEST.read(tmp_path / "manifest.parquet").to_pylist()
    keys = [row["key"] for row in rows]
    MANIFEST.write(
        tmp_path / "manifest.parquet",
        [row | {"key": key} for row, key in zip(rows, [keys[1], keys[0], keys[2]], strict=True)],
    )
    shards = ImageShards(tmp_path)
    tar = shards.path("train-00000")
    assert shards.jpeg("002") == jpeg(2) and shards.listed("train-00000") != before.listed("train-00000")
    for key in keys[:2]:
        with pytest.raises(UserError, match="not the one that its manifest lists") as error:
            shards.jpeg(key)
        assert f"{tar}: {key}" == error.value.where and f"{key}.jpg" in error.value.expected
    with pytest.raises(UserError, match="not the one that the manifest lists"):
        list(stream_shard(tar))


@pytest.mark.parametrize("change", ["one too few", "one too many"])
def test_other_images_than_the_manifests_are_refused(tmp_path: Path, jpeg: Callable[..., bytes], change: str) -> None:
    write(tmp_path, jpeg)
    rows = MANIFEST.read(tmp_path / "manifest.parquet").to_pylist()
    more = [rows[2] | {"key": "another"}]
    MANIFEST.write(tmp_path / "manifest.parquet", rows[:2] if change == "one too few" else rows + more)
    with pytest.raises(UserError) as error:
        list(stream_shard(tmp_path / "train-00000.tar"))
    assert ("002" in error.value.where) if change == "one too few" else ("'another'" in error.value.found)


@pytest.mark.parametrize("place", [{"offset": 0}, {"size": -1}, {"offset": -(2**62)}])
def test_a_place_before_the_first_image_is_refused(
    tmp_path: Path, jpeg: Callable[..., bytes], place: dict[str, int]
) -> None:
    write(tmp_path, jpeg)
    first, *others = MANIFEST.read(tmp_path / "manifest.parquet").to_pylist()
    MANIFEST.write(tmp_path / "manifest.parquet", [first | place, *others])
    with pytest.raises(UserError, match="before a shard's first image"):
        ImageShards(tmp_path)


def test_a_damaged_manifest_is_named(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    write(tmp_path, jpeg)
    for content in (b"", b"PAR1 nothing PAR1"):
        (tmp_path / "manifest.parquet").write_bytes(content)
        with pytest.raises(UserError, match="manifest of a shard is missing or damaged"):
            list(stream_shard(tmp_path / "train-00000.tar"))
