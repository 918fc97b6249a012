"""The stage's work as a whole: sources in, shards, manifest and dropped table out."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.fetch.files import FLICKR8K, flickr8k, jpeg, samples, tar_bytes, write

from pipeline.core.errors import UserError
from pipeline.fetch.stages.pairs import fetch_pairs, val_shares
from pipeline.fetch.stages.pairs_params import FetchPairsParams
from pipeline.storage.shards import ImageShards
from pipeline.tables.pairs import DROPPED

CC3M: dict[str, Any] = {"kind": "webdataset", "name": "cc3m", "location": "data/raw/cc3m/cc3m-train-*.tar"}
VAL: dict[str, Any] = {
    "kind": "webdataset",
    "name": "cc3m_val",
    "location": "data/raw/cc3m/cc3m-validation-{0000..0000}.tar",
    "split": "val",
}


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")


def fetch(root: Path, sources: list[dict[str, Any]], into: str = "data/pairs", **more: Any) -> dict[str, Any]:
    params = FetchPairsParams.model_validate({"sources": sources} | more)
    return fetch_pairs(params, root, root / into, root / ".finealign")


def cc3m(root: Path) -> None:
    for shard in range(3):
        members = samples(range(10 * shard, 10 * shard + 10), with_json=shard == 0)
        write(root / f"data/raw/cc3m/cc3m-train-{shard:04d}.tar", tar_bytes(members))
    write(root / "data/raw/cc3m/cc3m-validation-0000.tar", tar_bytes(samples(range(4))))


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_packed_shards_become_pairs(tmp_path: Path) -> None:
    cc3m(tmp_path)
    counts = fetch(tmp_path, [CC3M, VAL])
    assert counts["images"] == {"train": 30, "val": 4}
    assert counts["repeated_images"] == 4
    shards = ImageShards(tmp_path / "data/pairs")
    assert shards.shards() == ["train-00000", "train-00001", "train-00002", "val-00003"]
    row = shards.manifest.to_pylist()[7]
    assert row["key"] == "cc3m-000000007"
    assert row["captions"] == ["caption 7"]
    assert row["url"] == "toyworld://0/pairs/7"
    assert shards.jpeg(row["key"]) == jpeg(7)
    with tarfile.open(tmp_path / "data/pairs/train-00000.tar") as tar:
        assert tar.getnames()[:3] == [f"cc3m-000000000.{end}" for end in ("jpg", "txt", "json")]


def test_the_same_bytes_whatever_the_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cc3m(tmp_path)
    flickr8k(tmp_path / "data/raw/f8k", 10)
    sources = [CC3M, FLICKR8K]
    fetch(tmp_path, sources, "one", val_images=7, shard_size=4)
    monkeypatch.setenv("FINEALIGN_WORKERS", "2")
    params = FetchPairsParams.model_validate({"sources": sources, "val_images": 7, "shard_size": 4})
    fetch_pairs(params, tmp_path, tmp_path / "two", tmp_path / "other_scratch")
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_val_images_are_a_fixed_number_chosen_by_hash(tmp_path: Path) -> None:
    flickr8k(tmp_path / "data/raw/f8k", 21)
    counts = fetch(tmp_path, [FLICKR8K], val_images=5, shard_size=10)
    assert counts["images"] == {"train": 16, "val": 5}
    assert counts["captions"] == {"train": 32, "val": 10}
    keys = set(ImageShards(tmp_path / "data/pairs").manifest["key"].to_pylist())
    assert len(keys) == 21
    with pytest.raises(UserError, match=r"fewer val images|No train pair"):
        fetch(tmp_path, [FLICKR8K], val_images=40)


def test_shares_of_val_images() -> None:
    assert val_shares(["train", "val", "train", "train"], 10) == [3, 0, 3, 4]
    with pytest.raises(UserError, match="no train source"):
        val_shares(["val"], 1)


def test_damaged_samples_are_dropped_and_counted(tmp_path: Path) -> None:
    members = samples(range(20))
    members[0] = ("000000000.jpg", b"not an image")
    members[2] = ("000000001.jpg", jpeg(1)[:200])
    del members[4]  # the image of sample 2
    members[4] = ("000000002.txt", b"caption 2")
    members += [("x.jpg", jpeg(99)), ("y.jpg", jpeg(98)), ("y.txt", b"\xff\xfe"), ("z.json", b"{}")]
    write(tmp_path / "data/raw/cc3m/cc3m-train-0000.tar", tar_bytes(members))
    counts = fetch(tmp_path, [CC3M], max_dropped_share=0.3)
    expected = {"no image": 2, "image missing": 2, "no caption": 1, "text unreadable": 1}
    assert counts["dropped"] == dict(sorted(expected.items()))
    assert counts["images"] == {"train": 17}
    rows = DROPPED.read(tmp_path / "data/pairs/dropped.parquet").to_pylist()
    assert {"cc3m-000000000": True, "cc3m-000000002": False}.items() <= {r["key"]: r["permanent"] for r in rows}.items()
    with pytest.raises(UserError, match="6 of 23 samples of source 'cc3m' are damaged"):
        fetch(tmp_path, [CC3M], max_dropped_share=0.2)


def test_filters_do_not_count_as_damage(tmp_path: Path) -> None:
    members = [*samples(range(3)), ("s.jpg", jpeg(5, 200, 16)), ("s.txt", b"long")]
    write(tmp_path / "data/raw/cc3m/cc3m-train-0000.tar", tar_bytes(members))
    counts = fetch(tmp_path, [CC3M], max_dropped_share=0.0, filters={"max_aspect": 3})
    assert counts["dropped"] == {"image too elongated": 1}


def test_a_sample_with_a_file_twice_is_dropped(tmp_path: Path) -> None:
    write(tmp_path / "data/raw/cc3m/cc3m-train-0000.tar", tar_bytes([*samples(range(3)), *samples(range(1))]))
    counts = fetch(tmp_path, [CC3M])
    assert counts["images"]["train"] == 2 and counts["dropped"] == {"a file twice in one sample": 1}


def test_duplicates_are_named_with_both_places(tmp_path: Path) -> None:
    for shard in range(2):
        write(tmp_path / f"data/raw/cc3m/cc3m-train-{shard:04d}.tar", tar_bytes(samples(range(3))))
    with pytest.raises(UserError, match="one key") as error:
        fetch(tmp_path, [CC3M])
    assert "cc3m-train-0000.tar and" in error.value.where
    assert error.value.where.endswith("cc3m-train-0001.tar")
    assert not (tmp_path / "data/pairs/manifest.parquet").exists()


def test_a_cut_off_shard_is_named(tmp_path: Path) -> None:
    cc3m(tmp_path)
    path = tmp_path / "data/raw/cc3m/cc3m-train-0001.tar"
    write(path, path.read_bytes()[:3000])
    with pytest.raises(UserError, match="cut off") as error:
        fetch(tmp_path, [CC3M])
    assert error.value.where == "data/raw/cc3m/cc3m-train-0001.tar"


def test_empty_and_missing_sources(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no files"):
        fetch(tmp_path, [CC3M])
    write(tmp_path / "data/raw/cc3m/cc3m-train-0000.tar", tar_bytes([]))
    with pytest.raises(UserError, match="no samples"):
        fetch(tmp_path, [CC3M])
    flickr8k(tmp_path / "data/raw/f8k", 2)
    write(tmp_path / FLICKR8K["image_list"], "")
    with pytest.raises(UserError, match="lists no images"):
        fetch(tmp_path, [FLICKR8K])


def test_a_bad_image_of_a_list_is_dropped_and_many_are_an_error(tmp_path: Path) -> None:
    flickr8k(tmp_path / "data/raw/f8k", 3)
    members = [(f"{i}_abc.jpg", b"no image" if i == 1 else jpeg(i)) for i in range(3)]
    write(tmp_path / "data/raw/f8k/images-000.tar", tar_bytes(members))
    counts = fetch(tmp_path, [FLICKR8K])
    assert counts["images"] == {"train": 2}
    assert counts["dropped"] == {"no image": 1}
    write(tmp_path / "data/raw/f8k/images-000.tar", tar_bytes([(name, b"no image") for name, _ in members]))
    with pytest.raises(UserError, match="3 of 3 samples of source 'flickr8k' are damaged") as error:
        fetch(tmp_path, [FLICKR8K])
    assert error.value.found.startswith("3 × no image (such as data/raw/f8k/images-000.tar: ")


def test_an_image_that_is_listed_twice_and_damaged_has_two_rows(tmp_path: Path) -> None:
    flickr8k(tmp_path / "data/raw/f8k", 3)
    write(tmp_path / FLICKR8K["image_list"], "0_abc.jpg\n1_abc.jpg\n1_abc.jpg\n2_abc.jpg\n")
    members = [(f"{i}_abc.jpg", b"no image" if i == 1 else jpeg(i)) for i in range(3)]
    write(tmp_path / "data/raw/f8k/images-000.tar", tar_bytes(members))
    counts = fetch(tmp_path, [FLICKR8K], max_dropped_share=0.5)
    assert counts["dropped"] == {"listed twice": 1, "no image": 1}
    rows = DROPPED.read(tmp_path / "data/pairs/dropped.parquet")
    assert rows["key"].to_pylist() == ["flickr8k-1_abc", "flickr8k-1_abc#2"]


def test_shrunk_images_record_their_size(tmp_path: Path) -> None:
    members = [("a.jpg", jpeg(1, 64, 32)), ("a.txt", b"a")]
    write(tmp_path / "data/raw/cc3m/cc3m-train-0000.tar", tar_bytes(members))
    fetch(tmp_path, [CC3M], image_format={"max_side": 32})
    with tarfile.open(tmp_path / "data/pairs/train-00000.tar") as tar:
        stream = tar.extractfile("cc3m-a.json")
        assert stream is not None
        extra = json.load(stream)
    assert (extra["width"], extra["original_width"], extra["original_height"]) == (32, 64, 32)


def test_check_sums(tmp_path: Path) -> None:
    cc3m(tmp_path)
    folder = tmp_path / "data/raw/cc3m"
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.glob("*train*"))
    ]
    write(tmp_path / "data/raw/sums", "".join(lines))
    source = CC3M | {"checksums": "data/raw/sums"}
    assert fetch(tmp_path, [source])["images"] == {"train": 30}
    write(tmp_path / "data/raw/sums", "".join(["0" * 64 + lines[0][64:], *lines[1:]]))
    with pytest.raises(UserError, match="another check sum"):
        fetch(tmp_path, [source])
    write(tmp_path / "data/raw/sums", "".join(lines[1:]))
    with pytest.raises(UserError, match="1 shards have no check sum"):
        fetch(tmp_path, [source])
