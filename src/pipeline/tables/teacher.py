"""Embeddings of the image teacher, one row per image."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.table import Column, Table


def teacher_table(dim: int) -> Table:
    """The table's contract for embeddings of `dim` numbers."""
    embedding = pa.list_(pa.field("item", pa.float16()), dim)
    return Table(
        name="teacher",
        path="data/teacher/<shard>.parquet",
        description="What the teacher says of an image; the file's metadata say which teacher it was.",
        columns=(
            Column("key", pa.string(), "The image."),
            Column("embedding", embedding, "Its embedding, or its class probabilities (`pooling`)."),
        ),
        key=("key",),
    )
