"""Addresses of pictures: the pieces of a list, and what could not be fetched of them."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.table import Column, Table

URLS = Table(
    name="urls",
    path=".finealign/urls/<source>/<number>.parquet",
    description="One row per row of a list of addresses.",
    columns=(
        Column("number", pa.int64(), "Number of the row in its list, from 1."),
        Column("url", pa.string(), "Where the picture is fetched from."),
        Column("caption", pa.string(), "Its caption."),
        Column("fault", pa.string(), "Why the row cannot be used; empty if it can."),
    ),
    key=("number",),
)

FAILURES = Table(
    name="failures",
    path="data/pairs/failures.parquet",
    description="One row per address that gave no picture.",
    columns=(
        Column("source", pa.string(), "Name of the source in the parameters."),
        Column("key", pa.string(), "The key that the image would have."),
        Column("url", pa.string(), "The address."),
        Column("caption", pa.string(), "The caption beside it."),
        Column("split", pa.string(), "The split that the image would go to."),
        Column("reason", pa.string(), "`dns`, `timeout`, `http_4xx`, … (`fetch/web/reasons.py`)."),
        Column("permanent", pa.bool_(), "False where another try may succeed later."),
        Column("attempts", pa.int32(), "Attempts of the last run that tried it."),
        Column("runs", pa.int32(), "Runs that tried it."),
        Column("status", pa.int32(), "Status of the last answer; null without one."),
    ),
    key=("source", "key"),
)
