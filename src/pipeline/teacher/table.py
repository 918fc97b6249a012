"""The table of teacher embeddings: one file per shard of pictures, with its origin in the file's metadata.

The origin says which model, which weights, which preprocessing and which pooling made the file. A folder is
only read if all its files have one origin, for embeddings of two origins are vectors of two spaces. With the
pooling `class_probabilities` the column holds those, which sum to one up to the rounding of float16.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.errors import UserError
from pipeline.tables.table import Table
from pipeline.tables.teacher import teacher_table

ORIGIN = "finealign.teacher."
"""Prefix of the origin's fields in a file's metadata."""


@dataclass(frozen=True)
class TeacherOrigin:
    """What made a file: model's name, digest of its weights, fingerprint of the preprocessing, pooling."""

    model: str
    weights: str
    preprocessing: str
    pooling: str

    def metadata(self) -> dict[str, str]:
        """As metadata of a Parquet file."""
        return {ORIGIN + name: value for name, value in asdict(self).items()}

    @staticmethod
    def of(metadata: Mapping[str, str], path: Path) -> "TeacherOrigin":
        """The origin in a file's metadata; raises UserError if it is not there."""
        names = TeacherOrigin.__dataclass_fields__
        missing = [name for name in names if ORIGIN + name not in metadata]
        if missing:
            raise UserError(
                "A teacher file does not say what made it.",
                where=path,
                expected=f"{', '.join(names)} in its metadata",
                found=f"no {', '.join(missing)}",
                fix="run embed_teacher again",
            )
        return TeacherOrigin(**{name: metadata[ORIGIN + name] for name in names})


@dataclass(frozen=True)
class TeacherEmbeddings:
    """Keys of pictures and their embeddings, float16 [N, D], in the order of the files."""

    keys: list[str]
    embeddings: np.ndarray
    origin: TeacherOrigin
    folder: Path

    def of(self, keys: Sequence[str], named_in: Path) -> np.ndarray:
        """Embeddings of these pictures, in this order. Raises UserError (naming both files) if one is missing."""
        place = {key: index for index, key in enumerate(self.keys)}
        missing = [key for key in keys if key not in place]
        if missing:
            raise UserError(
                "Pictures have no teacher embedding.",
                where=f"{named_in} and {self.folder}",
                expected="an embedding for every picture",
                found=f"{len(missing)} without, among them {missing[:3]}",
                fix="run embed_teacher again",
            )
        return self.embeddings[[place[key] for key in keys]]


def write_teacher(path: Path, keys: Sequence[str], embeddings: np.ndarray, origin: TeacherOrigin) -> None:
    """Write one file: keys and embeddings [N, D].

    Raises UserError if a key comes twice or an embedding does not fit float16 (NaN or beyond 65504).
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
    table.write(path, rows, origin.metadata())


def read_teacher(folder: Path) -> TeacherEmbeddings:
    """All files of a folder.

    Raises UserError if there is none, if two files differ in origin or width (naming both), or as `Table.read` does.
    """
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise UserError("There are no teacher embeddings.", where=folder, fix="run embed_teacher")
    table, origin = _described(paths[0])
    for path in paths[1:]:
        other_table, other = _described(path)
        if other != origin or other_table.schema != table.schema:
            raise UserError(
                "Two teacher files were not made in the same way.",
                where=f"{paths[0]} and {path}",
                expected=f"{origin}, {table.schema.field('embedding').type}",
                found=f"{other}, {other_table.schema.field('embedding').type}",
                fix="remove the folder and run embed_teacher again",
            )
    rows = table.read(*paths)
    flat = pa.concat_arrays(chunk.flatten() for chunk in rows["embedding"].chunks)
    embeddings = flat.to_numpy(zero_copy_only=False).reshape(rows.num_rows, -1)
    return TeacherEmbeddings(rows["key"].to_pylist(), embeddings, origin, folder)


def _described(path: Path) -> tuple[Table, TeacherOrigin]:
    """The contract and origin of one file."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            "A teacher file is damaged.", where=path, found=str(error), fix="run embed_teacher again"
        ) from None
    position = schema.get_field_index("embedding")
    # A file without such a column is refused when its rows are read.
    width = getattr(schema.field(position).type, "list_size", 1) if position >= 0 else 1
    table = teacher_table(width)
    return table, TeacherOrigin.of(table.metadata(path), path)


def teacher_figures(folder: Path, manifest: pa.Table) -> dict[str, object]:
    """What the stage made: pictures by split, width and origin; `manifest` is that of the embedded shards.

    Raises UserError if a file holds fewer or more rows than its shard has pictures.
    """
    shards = manifest.group_by("shard").aggregate([([], "count_all")]).sort_by("shard").to_pylist()
    for row in shards:
        path = folder / f"{row['shard']}.parquet"
        found = pq.read_metadata(path).num_rows
        if found != row["count_all"]:
            raise UserError(
                "A teacher file does not fit its shard.",
                where=f"{path} and the manifest of the pairs",
                expected=f"{row['count_all']} rows",
                found=f"{found}",
                fix="run fetch_pairs and embed_teacher again",
            )
    table, origin = _described(folder / f"{shards[0]['shard']}.parquet")
    counts = manifest.group_by("split").aggregate([([], "count_all")]).sort_by("split").to_pylist()
    return {
        "images": {row["split"]: row["count_all"] for row in counts},
        "dimension": table.schema.field("embedding").type.list_size,
        **asdict(origin),
    }
