"""What a study keeps of one training: the rank of every query of a benchmark."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.table import Column, Table

RANKS = Table(
    name="ranks of a benchmark's queries",
    path="studies/data/<study>/<variant>-<seed>.parquet",
    description="A query with the rank of its right answer.",
    columns=(
        Column("direction", pa.string(), "text_to_image or image_to_text."),
        Column("query", pa.int32(), "Number of the caption or the image that asks."),
        Column("image", pa.int32(), "Number of the image that the query belongs to."),
        Column("rank", pa.int32(), "Rank of its right answer, from 1."),
    ),
    key=("direction", "query"),
)
