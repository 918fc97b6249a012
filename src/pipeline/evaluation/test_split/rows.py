"""Regions and questions of one split of `data/annotations/`, read without loading a model or torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.tables.annotations import QUESTIONS, REGIONS


@dataclass(frozen=True)
class AnnotatedRows:
    """The rows of the two tables, in their order."""

    regions: pa.Table
    questions: pa.Table

    @staticmethod
    def read(annotations: Path, split: str) -> AnnotatedRows:
        """The rows of a split. Raises UserError if a table is missing or damaged."""
        tables = (REGIONS.read(annotations / "regions.parquet"), QUESTIONS.read(annotations / "questions.parquet"))
        return AnnotatedRows(*(table.filter(pc.field("split") == split) for table in tables))

    def __bool__(self) -> bool:
        """Whether there is any row."""
        return self.regions.num_rows + self.questions.num_rows > 0
