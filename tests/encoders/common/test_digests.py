"""The list of a model folder's own files finds every edit out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pipeline.core.errors import UserError
from pipeline.encoders.common.checkpoint import CONFIG, WEIGHTS, write_checkpoint
from pipeline.encoders.common.digests import PROVENANCE, check_digests


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "vocab.txt").write_text("a\nb\n", encoding="utf-8")
    write_checkpoint(tmp_path, {"a": torch.ones(2)}, {"width": 2}, {"stage": "x"})
    return tmp_path


def swap_words(path: Path) -> None:
    path.write_text("b\na\n", encoding="utf-8")


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("text/vocab.txt", swap_words),
        ("text/vocab.txt", Path.unlink),
        ("text/tokenizer.json", lambda path: path.write_text("{}", encoding="utf-8")),
        (CONFIG, lambda path: path.write_text('{"width": 3}', encoding="utf-8")),
        (WEIGHTS, flip_a_bit),
    ],
)
def test_every_edit_is_found_and_named(folder: Path, name: str, change: Callable[[Path], object]) -> None:
    check_digests(folder)
    change(folder / name)
    with pytest.raises(UserError, match="not as it was written") as error:
        check_digests(folder)
    assert name in error.value.where


def test_a_folder_that_lists_nothing_is_taken_as_it_is(folder: Path) -> None:
    swap_words(folder / "text" / "vocab.txt")
    (folder / PROVENANCE).write_text(json.dumps({"stage": "x"}), encoding="utf-8")
    check_digests(folder)
    (folder / PROVENANCE).unlink()
    check_digests(folder)


@pytest.mark.parametrize("content", ['{"files": 3}', '{"files": ["config.json"]}', "{"])
def test_a_list_that_was_edited_is_found_out(folder: Path, content: str) -> None:
    (folder / PROVENANCE).write_text(content, encoding="utf-8")
    with pytest.raises(UserError):
        check_digests(folder)
