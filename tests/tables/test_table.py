from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.core.errors import UserError
from pipeline.tables.table import BOX, Column, Table

ANIMALS = Table(
    "animals",
    "animals.parquet",
    (Column("key", pa.string(), ""), Column("box", BOX, ""), Column("names", pa.list_(pa.string()), "")),
    ("key",),
)


def rows(*keys: str) -> list[dict]:
    return [{"key": key, "box": [0.0, 0.25, 0.5, 1.0], "names": [key]} for key in keys]


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
    other = Table("other", "other.parquet", (Column("key", pa.int64(), ""),), ("key",))
    other.write(tmp_path / "o.parquet", [{"key": 1}])
    with pytest.raises(UserError, match=r"does not have the columns of the table 'animals'") as caught:
        ANIMALS.read(tmp_path / "o.parquet")
    assert "o.parquet" in str(caught.value) and "key int64" in str(caught.value)
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "o.parquet").read_bytes()[:50])
    with pytest.raises(UserError, match="damaged"):
        ANIMALS.read(tmp_path / "cut.parquet")
    with pytest.raises(UserError, match="missing"):
        ANIMALS.read(tmp_path / "absent.parquet")
    with pytest.raises(UserError, match="No file"):
        ANIMALS.read_folder(tmp_path, "x*.parquet")
