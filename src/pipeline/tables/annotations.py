"""Regions and questions, the two tables of `data/annotations/` beside its image shards."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.table import BOX, Table

REGIONS = Table(
    name="regions",
    schema=pa.schema(
        [
            ("key", pa.string()),
            ("region_id", pa.string()),
            ("box", BOX),
            ("phrase", pa.string()),
            ("source", pa.string()),
            ("split", pa.string()),
        ]
    ),
    key=("key", "region_id"),
)
"""A phrase about a box of an image; the full image is 0, 0, 1, 1."""

QUESTIONS = Table(
    name="questions",
    schema=pa.schema(
        [
            ("key", pa.string()),
            ("question_id", pa.string()),
            ("box", BOX),
            ("question", pa.string()),
            ("answers", pa.list_(pa.string())),
            ("question_type", pa.string()),
            ("answer_type", pa.string()),
            ("source", pa.string()),
            ("split", pa.string()),
        ]
    ),
    key=("key", "question_id"),
)
"""A question about an image or (box not null) a region of it, with every annotator's answer."""
