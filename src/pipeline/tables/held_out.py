"""What generator and filter said of held-out annotations, row by row, so that it can be read, and judged elsewhere."""

import pyarrow as pa

from pipeline.tables.table import BOX, Table

HELD_OUT_ANSWERS = Table(
    name="held-out answers",
    schema=pa.schema(
        [
            ("key", pa.string()),
            ("url", pa.string()),
            ("question_id", pa.string()),
            ("box", BOX),
            ("question", pa.string()),
            ("question_type", pa.string()),
            ("references", pa.list_(pa.string())),
            ("answer", pa.string()),
        ]
    ),
    key=("key", "question_id"),
)
"""`references` are the annotators' answers, `answer` is the model's (empty if it did not end)."""

HELD_OUT_CAPTIONS = Table(
    name="held-out region captions",
    schema=pa.schema(
        [
            ("key", pa.string()),
            ("url", pa.string()),
            ("region_id", pa.string()),
            ("box", BOX),
            ("phrase", pa.string()),
            ("caption", pa.string()),
        ]
    ),
    key=("key", "region_id"),
)
"""`phrase` is the annotator's, `caption` the model's (empty if it did not end)."""
