from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import files
from pipeline.core.errors import UserError
from pipeline.tables.table import BOX, Table

ANIMALS = Table("animals", pa.schema([("key", pa.string()), ("box", BOX), ("names", pa.list_(pa.string()))]), ("key",))


def rows(*keys: str) -> list[dict]:
    return [{"key": key, "box": [0.0, 0.25, 0.5, 1.0], "names": [key]} for key in keys]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_never_goes_through_a_hard_link(tmp_path: Path) -> None:
    cache, out = tmp_path / "cache", tmp_path / "out"
    cache.write_text("cached")
    os.link(cache, out)
    files.write_text(out, "new")
    assert cache.read_text() == "cached"


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5))
def test_hash_of_json_ignores_order(value: dict) -> None:
    assert files.hash_json(value) == files.hash_json(dict(reversed(value.items())))


def test_round_trip_and_equal_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "1.parquet", tmp_path / "2.parquet"
    ANIMALS.write(first, rows("cat", "dog"), metadata={"model": "m"})
    ANIMALS.write(second, ANIMALS.build(rows("cat", "dog")), metadata={"model": "m"})
    assert first.read_bytes() == second.read_bytes()
    assert ANIMALS.read(first).to_pylist() == rows("cat", "dog")
    assert ANIMALS.metadata(first) == {"model": "m"}


def test_two_rows_with_one_key_are_refused_by_writer_and_reader(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="share one key"):
        ANIMALS.write(tmp_path / "a.parquet", rows("cat", "cat"))
    ANIMALS.write(tmp_path / "a.parquet", rows("cat"))
    ANIMALS.write(tmp_path / "b.parquet", rows("cat"))
    with pytest.raises(UserError, match="key='cat' in 2 rows"):
        ANIMALS.read(tmp_path / "a.parquet", tmp_path / "b.parquet")


def test_reader_names_what_is_wrong(tmp_path: Path) -> None:
    other = Table("other", pa.schema([("key", pa.int64())]), ("key",))
    other.write(tmp_path / "o.parquet", [{"key": 1}])
    with pytest.raises(UserError, match=r"no table 'animals'") as caught:
        ANIMALS.read(tmp_path / "o.parquet")
    assert "o.parquet" in str(caught.value) and "key int64" in str(caught.value)
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "o.parquet").read_bytes()[:50])
    with pytest.raises(UserError, match="damaged"):
        ANIMALS.read(tmp_path / "cut.parquet")
    with pytest.raises(UserError, match="missing"):
        ANIMALS.read(tmp_path / "absent.parquet")
    with pytest.raises(UserError, match="No file"):
        ANIMALS.read_folder(tmp_path, "x*.parquet")
