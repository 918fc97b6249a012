"""Embeddings of the image teacher, one row per picture."""

import pyarrow as pa

from pipeline.tables.table import Table


def teacher_table(dim: int) -> Table:
    """The table's contract for embeddings of `dim` numbers."""
    embedding = pa.list_(pa.field("item", pa.float16()), dim)
    return Table("teacher", pa.schema([("key", pa.string()), ("embedding", embedding)]), key=("key",))
