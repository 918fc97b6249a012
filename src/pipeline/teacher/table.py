"""The teacher's embeddings: one file per shard of images, with its provenance in the file's metadata.

The provenance says which model, weights, preprocessing and pooling made the file. A folder is read only if it is the
same in all files, since different teachers' embeddings lie in different spaces. With the pooling `class_probabilities`
the column holds the probabilities, which sum to one up to the rounding of float16.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core.errors import UserError
from pipeline.tables.table import Table
from pipeline.tables.teacher import teacher_table

PREFIX = "finealign.teacher."
"""Prefix of the provenance's fields in a file's metadata."""


@dataclass(frozen=True)
class TeacherProvenance:
    """What made a file: model's name, digest of its weights, fingerprint of the preprocessing, and pooling."""

    model: str
    weights: str
    preprocessing: str
    pooling: str

    def metadata(self) -> dict[str, str]:
        """The metadata of a Parquet file."""
        return {PREFIX + name: value for name, value in asdict(self).items()}

    @staticmethod
    def of(metadata: Mapping[str, str], path: Path) -> TeacherProvenance:
        """The provenance in a file's metadata. Raises UserError if a field is missing."""
        names = TeacherProvenance.__dataclass_fields__
        missing = [name for name in names if PREFIX + name not in metadata]
        if missing:
            raise UserError(
                "A teacher file does not say what made it.",
                where=path,
                expected=f"{', '.join(names)} in its metadata",
                found=f"no {', '.join(missing)}",
                fix="run embed_teacher again",
            )
        return TeacherProvenance(**{name: metadata[PREFIX + name] for name in names})


@dataclass(frozen=True)
class TeacherFolder:
    """A folder of files that were all made in the same way; dim: width of an embedding."""

    folder: Path
    provenance: TeacherProvenance
    dim: int

    def of_shard(self, shard: str, keys: pa.Array, named_in: object) -> np.ndarray:
        """The embeddings of a shard's images, float16 [keys, dim], in the order of the keys.

        Raises UserError, naming the file `named_in` that lists the keys, if an image has none or if there are those of
        other images, or as `Table.read` does.
        """
        path, table = self.folder / f"{shard}.parquet", teacher_table(self.dim)
        rows = table.read(path)
        table.check_images(rows, keys.to_pylist(), path, named_in)
        found = pc.call_function("index_in", [keys], pc.SetLookupOptions(rows["key"].combine_chunks()))
        if found.null_count:
            missing = keys.filter(found.is_null()).to_pylist()
            raise UserError(
                "Images have no teacher embedding.",
                where=f"{named_in} and {path}",
                expected="an embedding for every image",
                found=f"{len(missing)} without, among them {missing[:3]}",
                fix="run embed_teacher again",
            )
        flat = rows["embedding"].combine_chunks().flatten()
        return flat.to_numpy(zero_copy_only=False).reshape(-1, self.dim)[found.to_numpy()]


def write_teacher(path: Path, keys: Sequence[str], embeddings: np.ndarray, provenance: TeacherProvenance) -> None:
    """Write one file. embeddings: [N, D], one row per key.

    Raises UserError if a key comes twice, or if an embedding does not fit float16 (NaN, or beyond 65504).
    """
    with np.errstate(over="ignore"):
        halves = embeddings.astype(np.float16)
    bad = [keys[index] for index in np.flatnonzero(~np.isfinite(halves).all(axis=1)).tolist()]
    if bad:
        raise UserError(
            "Teacher embeddings are not finite numbers.", where=path, found=f"{len(bad)}, among them {bad[:3]}"
        )
    table = teacher_table(halves.shape[1])
    values = pa.FixedSizeListArray.from_arrays(pa.array(halves.ravel()), type=table.schema.field("embedding").type)
    rows = pa.table({"key": pa.array(keys, pa.string()), "embedding": values})
    table.write(path, rows, provenance.metadata())


def open_teacher(folder: Path) -> TeacherFolder:
    """A folder of the teacher, of whose files only the descriptions are read.

    Raises UserError if there are none, if one is damaged, or if two differ in provenance or width (naming both).
    """
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise UserError("There are no teacher embeddings.", where=folder, fix="run embed_teacher")
    table, provenance = _described(paths[0])
    for path in paths[1:]:
        other_table, other = _described(path)
        if other != provenance or other_table.schema != table.schema:
            raise UserError(
                "Two teacher files were not made in the same way.",
                where=f"{paths[0]} and {path}",
                expected=f"{provenance}, {table.schema.field('embedding').type}",
                found=f"{other}, {other_table.schema.field('embedding').type}",
                fix="remove the folder and run embed_teacher again",
            )
    return TeacherFolder(folder, provenance, table.schema.field("embedding").type.list_size)


def _described(path: Path) -> tuple[Table, TeacherProvenance]:
    """The schema and the provenance of one file."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            "A teacher file is damaged.", where=path, found=str(error), fix="run embed_teacher again"
        ) from None
    position = schema.get_field_index("embedding")
    # A file without this column is refused when its rows are read.
    width = getattr(schema.field(position).type, "list_size", 1) if position >= 0 else 1
    table = teacher_table(width)
    return table, TeacherProvenance.of(table.metadata(path), path)


def teacher_metrics(folder: Path, manifest: pa.Table) -> dict[str, object]:
    """Images by split, width of the embeddings, and provenance. manifest: that of the embedded shards.

    Raises UserError if a file has another number of rows than its shard has images.
    """
    shards = manifest.group_by("shard").aggregate([([], "count_all")]).sort_by("shard").to_pylist()
    for row in shards:
        path = folder / f"{row['shard']}.parquet"
        rows = pq.read_metadata(path).num_rows
        if rows != row["count_all"]:
            raise UserError(
                "A teacher file does not fit its shard.",
                where=f"{path} and the manifest of the pairs",
                expected=f"{row['count_all']} rows",
                found=f"{rows}",
                fix="run fetch_pairs and embed_teacher again",
            )
    table, provenance = _described(folder / f"{shards[0]['shard']}.parquet")
    counts = manifest.group_by("split").aggregate([([], "count_all")]).sort_by("split").to_pylist()
    return {
        "images": {row["split"]: row["count_all"] for row in counts},
        "dimension": table.schema.field("embedding").type.list_size,
        **asdict(provenance),
    }
