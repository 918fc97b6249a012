"""The table of teacher embeddings and its provenance."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.errors import UserError
from pipeline.teacher.table import TeacherProvenance, open_teacher, teacher_metrics, write_teacher

PROVENANCE = TeacherProvenance(model="timm:x", weights="w0", preprocessing="p0", pooling="mean")


def write(folder: Path, shard: int, provenance: TeacherProvenance = PROVENANCE, dim: int = 4, rows: int = 3) -> Path:
    embeddings = np.random.default_rng(shard).normal(size=(rows, dim)).astype(np.float32)
    path = folder / f"train-{shard:05d}.parquet"
    write_teacher(path, [f"{shard}-{row}" for row in range(rows)], embeddings, provenance)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for shard in (1, 0):
        write(tmp_path, shard)
    teacher = open_teacher(tmp_path)
    assert (teacher.provenance, teacher.dim) == (PROVENANCE, 4)
    expected = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    found = teacher.of_shard("train-00001", pa.array(["1-2", "1-0", "1-1"]), tmp_path)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, expected[[2, 0, 1]], rtol=1e-3, atol=1e-3)
    schema = pq.read_schema(tmp_path / "train-00000.parquet")
    assert schema.field("embedding").type == pa.list_(pa.field("item", pa.float16()), 4)


def test_probabilities_sum_to_one_up_to_rounding(tmp_path: Path) -> None:
    logits = 4 * np.random.default_rng(0).normal(size=(5, 1000))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    write_teacher(tmp_path / "train-00000.parquet", list("abcde"), probabilities.astype(np.float32), PROVENANCE)
    found = open_teacher(tmp_path).of_shard("train-00000", pa.array(list("abcde")), tmp_path)
    np.testing.assert_allclose(found.astype(np.float64).sum(axis=1), 1, atol=2e-3)
    np.testing.assert_allclose(found, probabilities, rtol=1e-3, atol=1e-7)


def test_bytes_are_the_same_twice(tmp_path: Path) -> None:
    assert write(tmp_path / "a", 0).read_bytes() == write(tmp_path / "b", 0).read_bytes()


@pytest.mark.parametrize("field", ["model", "weights", "preprocessing", "pooling"])
def test_two_provenances_are_refused_by_both_names(tmp_path: Path, field: str) -> None:
    write(tmp_path, 0)
    write(tmp_path, 1, provenance=replace(PROVENANCE, **{field: "other"}))
    with pytest.raises(UserError, match=r"train-00000\.parquet and .*train-00001\.parquet"):
        open_teacher(tmp_path)


def test_two_widths_are_refused(tmp_path: Path) -> None:
    write(tmp_path, 0)
    write(tmp_path, 1, dim=5)
    with pytest.raises(UserError, match="same way"):
        open_teacher(tmp_path)


def test_missing_and_other_images_are_named(tmp_path: Path) -> None:
    write(tmp_path, 0)
    for keys, message in (
        (["0-0", "0-1", "0-2", "9-9"], r"manifest[\s\S]*9-9"),
        (["0-0", "0-1"], r"not there[\s\S]*0-2"),
    ):
        with pytest.raises(UserError, match=message):
            open_teacher(tmp_path).of_shard("train-00000", pa.array(keys), tmp_path / "manifest.parquet")


def test_not_finite(tmp_path: Path) -> None:
    for value in (np.nan, np.inf, 1e6):
        with pytest.raises(UserError, match=r"not finite[\s\S]*'b'"):
            write_teacher(tmp_path / "x.parquet", ["a", "b"], np.array([[1.0], [value]]), PROVENANCE)
    assert not (tmp_path / "x.parquet").exists()


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no teacher embeddings"):
        open_teacher(tmp_path)
    path = tmp_path / "train-00000.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(UserError, match="damaged"):
        open_teacher(tmp_path)
    pq.write_table(pa.table({"key": ["a"]}), path)
    with pytest.raises(UserError, match="does not say"):
        open_teacher(tmp_path)
    pq.write_table(pa.table({"key": ["a"]}).replace_schema_metadata(PROVENANCE.metadata()), path)
    with pytest.raises(UserError, match="does not have the columns of the table 'teacher'"):
        open_teacher(tmp_path).of_shard("train-00000", pa.array(["a"]), tmp_path)


def test_images_are_counted_against_the_manifest(tmp_path: Path) -> None:
    write(tmp_path, 0)
    manifest = pa.table({"shard": ["train-00000"] * 3, "split": ["train"] * 3})
    assert teacher_metrics(tmp_path, manifest)["images"] == {"train": 3}
    with pytest.raises(UserError, match=r"train-00000\.parquet and the manifest"):
        teacher_metrics(tmp_path, manifest.slice(1))
