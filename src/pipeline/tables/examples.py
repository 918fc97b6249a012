"""Examples for the report: which queries and rows are shown, and the tables that carry them.

Examples are drawn at random from a seed, not picked: a gallery of the best cases would say nothing.
"""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.table import BOX, Table

CANDIDATE = pa.struct(
    [
        ("key", pa.string()),
        ("text", pa.string()),
        ("score", pa.float32()),
        ("right", pa.bool_()),
        ("holds", pa.bool_()),
    ]
)
"""One candidate: its image, its text (empty for an image), its score, whether it is a right answer, and whether
the caption of the pair is true of the image (null where no oracle knows)."""

RETRIEVAL_EXAMPLES = Table(
    name="retrieval examples",
    schema=pa.schema(
        [
            ("benchmark", pa.string()),
            ("split", pa.string()),
            ("direction", pa.string()),
            ("query", pa.int32()),
            ("key", pa.string()),
            ("text", pa.string()),
            ("rank", pa.int32()),
            ("candidates", pa.list_(CANDIDATE)),
        ]
    ),
    key=("benchmark", "split", "direction", "query"),
)
"""`key` is the query's image, or the image that its caption (`text`) describes; `rank` is its right answer's."""

PAIR_EXAMPLES = Table(
    name="examples of kept and rejected pairs",
    schema=pa.schema(
        [
            ("key", pa.string()),
            ("pair_id", pa.int32()),
            ("box", BOX),
            ("region_caption", pa.string()),
            ("question", pa.string()),
            ("answer", pa.string()),
            ("question_type", pa.string()),
            ("answer_confidence", pa.float32()),
            ("filter_answer", pa.string()),
            ("filter_confidence", pa.float32()),
            ("kept", pa.bool_()),
            ("reason", pa.string()),
            ("verdict", pa.string()),
            ("truth", pa.string()),
        ]
    ),
    key=("key", "pair_id"),
)
"""`reason` is null for kept rows; `verdict` and `truth` (the right answer) are null where no oracle knows."""

CAPTION_EXAMPLES = Table(
    name="examples of kept and rejected region captions",
    schema=pa.schema(
        [
            ("key", pa.string()),
            ("region_id", pa.int32()),
            ("box", BOX),
            ("caption", pa.string()),
            ("confidence", pa.float32()),
            ("kept", pa.bool_()),
            ("reason", pa.string()),
            ("true", pa.bool_()),
        ]
    ),
    key=("key", "region_id"),
)
