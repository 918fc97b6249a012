"""The scratch folder's limit, and other processes that change it meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.execution import scratch
from pipeline.execution.scratch import own_bytes, trim


def entry(base: Path, name: str, age: int = 0) -> Path:
    """An entry of 100 bytes, used so many seconds ago."""
    folder = base / "steps" / "s" / name
    (folder / "loud").mkdir(parents=True)
    (folder / "loud" / "f").write_bytes(b"x" * 100)
    os.utime(folder, (1000 - age, 1000 - age))
    return folder


def test_trim_drops_what_was_used_longest_ago_and_costs_disk(tmp_path: Path) -> None:
    entries = [entry(tmp_path, name, age) for age, name in enumerate(("new", "middle", "old"))]
    os.link(entries[1] / "loud" / "f", tmp_path / "linked")
    assert [own_bytes(folder) for folder in entries] == [100, 0, 100]
    trim(tmp_path, 100)
    assert [folder.exists() for folder in entries] == [True, True, False]
    trim(tmp_path, 0, keep=[entries[0]])
    assert entries[0].exists()


def test_what_is_no_entry_stays(tmp_path: Path) -> None:
    kept = entry(tmp_path, "kept")
    for folder in (tmp_path / "steps", tmp_path / "steps" / "s"):
        (folder / "file").write_text("a file")
        (folder / "dangling").symlink_to("nowhere")
    running = entry(tmp_path, ".name.123.tmp")
    trim(tmp_path, 0, keep=[kept])
    assert kept.exists() and running.exists() and (tmp_path / "steps" / "s" / "file").exists()


def test_entries_and_files_may_vanish_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [entry(tmp_path, str(number), number) for number in range(3)]
    looked = scratch._stat

    def look_late(path: Path) -> os.stat_result | None:
        if path == entries[0] or path.name == "f":
            path.with_name("f").unlink(missing_ok=True)
            return looked(path.with_name("f"))
        return looked(path)

    monkeypatch.setattr(scratch, "_stat", look_late)
    trim(tmp_path, 0)
    assert own_bytes(tmp_path / "never") == 0


def test_what_may_not_be_removed_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [entry(tmp_path, str(number), number) for number in range(3)]

    def deny(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(scratch, "remove", deny)
    trim(tmp_path, 0)
    assert all(folder.exists() for folder in entries)
