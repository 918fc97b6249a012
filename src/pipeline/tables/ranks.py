"""Retrieval in detail: the rank of every query's right answer."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.table import Column, Table

RANKS = Table(
    name="ranks of queries",
    path="results/{pretrain,finetune}/held_out/ranks.parquet and studies/data/ablations/<variant>-<seed>.parquet",
    description="A query with the rank of its right answer.",
    columns=(
        Column("direction", pa.string(), "text_to_image or image_to_text."),
        Column("query", pa.int32(), "Number of the caption or the image that asks."),
        Column("image", pa.int32(), "Number of the image that the query belongs to."),
        Column("rank", pa.int32(), "Rank of its right answer, from 1."),
    ),
    key=("direction", "query"),
)
