"""Files from stores: copied whole, compared with what the store says of them, and named when that fails."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from pipeline.core.errors import UserError
from pipeline.fetch.raw.locations import is_url
from pipeline.fetch.raw.stores import copy_from_store, known_protocols

DATA = b"a shard" * 1000


@pytest.fixture
def store() -> Any:
    store = fsspec.filesystem("memory")
    store.pipe_file("/bucket/a.tar", DATA)
    yield store
    store.rm("/bucket", recursive=True)


def say(monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    info = MemoryFileSystem.info
    monkeypatch.setattr(MemoryFileSystem, "info", lambda self, path, **named: info(self, path, **named) | more)


def test_a_file_is_copied_once(store: Any, tmp_path: Path) -> None:
    target = tmp_path / "downloads/a.tar"
    assert copy_from_store("memory://bucket/a.tar", target).read_bytes() == DATA
    store.rm_file("/bucket/a.tar")
    assert copy_from_store("memory://bucket/a.tar", target) == target
    assert [file.name for file in target.parent.iterdir()] == ["a.tar"]
    store.pipe_file("/bucket/a.tar", DATA)


@pytest.mark.parametrize(
    "more", [{"size": 5}, {"sha256": "0" * 64}, {"lfs": {"sha256": "0" * 64}}], ids=["size", "sha256", "lfs"]
)
def test_a_damaged_copy_is_refused(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    say(monkeypatch, **more)
    with pytest.raises(UserError, match="cannot be copied"):
        copy_from_store("memory://bucket/a.tar", tmp_path / "a.tar")
    assert list(tmp_path.iterdir()) == []


def test_the_digest_that_a_store_gives_is_accepted(store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, lfs={"sha256": hashlib.sha256(DATA).hexdigest()})
    assert copy_from_store("memory://bucket/a.tar", tmp_path / "a.tar").read_bytes() == DATA


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("memory://bucket/none.tar", "cannot be copied"),
        ("s3://bucket/a.tar", "is not installed"),
        ("hf://datasets/owner/name/a.tar", "without a commit"),
        ("hf://datasets/owner/name@main/a.tar", "without a commit"),
    ],
)
def test_what_cannot_be_copied_is_named(store: Any, tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        copy_from_store(url, tmp_path / "a.tar")
    assert url in str(raised.value)


def test_addresses_are_told_from_paths() -> None:
    assert {"hf", "s3", "gs"} <= known_protocols()
    for url in ("https://h/a.tar", "hf://datasets/o/n@0/a", "s3://b/a.tar", "memory://b/a.tar"):
        assert is_url(url)
    for path in ("data/raw/a.tar", "file:///etc/passwd", "local://etc", "nonsense://a"):
        assert not is_url(path)
