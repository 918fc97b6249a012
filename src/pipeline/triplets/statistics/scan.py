"""Counting in tables of triplets without loading them: whole numbers, which do not depend on the order of files."""

from __future__ import annotations

from pathlib import Path

import polars as pl


def scan_tables(folder: Path, suffix: str) -> pl.LazyFrame:
    """All tables `<shard>-<suffix>.parquet` of a folder as one, read only as far as a count needs."""
    return pl.scan_parquet(sorted(folder.glob(f"*-{suffix}.parquet")))


def row_count(table: pl.LazyFrame) -> int:
    """Number of rows."""
    return int(table.select(pl.len()).collect().item())


def distinct_count(table: pl.LazyFrame, column: str) -> int:
    """Number of different values of a column."""
    return int(table.select(pl.col(column).n_unique()).collect().item())


def value_counts(table: pl.LazyFrame, column: str) -> dict[str, int]:
    """How often each value of a column occurs, sorted by value."""
    counted = table.group_by(column).agg(pl.len().alias("count")).sort(column).collect()
    return dict(zip(counted[column].to_list(), counted["count"].to_list(), strict=True))
