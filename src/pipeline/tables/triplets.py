"""The tables of generated, kept and rejected training data.

`pair_id` and `region_id` count within one image: `region_id` is the number of the box in the image's list
of boxes, `pair_id` is that number times the questions per box plus the number of the question. They stay
the same in the kept and rejected tables, so a row can be followed through the funnel.
"""

import pyarrow as pa

from pipeline.tables.table import BOX, Table

_QA = [
    ("key", pa.string()),
    ("pair_id", pa.int32()),
    ("box", BOX),
    ("region_caption", pa.string()),
    ("question", pa.string()),
    ("answer", pa.string()),
    ("question_type", pa.string()),
    ("answer_confidence", pa.float32()),
]
_DC = [
    ("key", pa.string()),
    ("region_id", pa.int32()),
    ("box", BOX),
    ("caption", pa.string()),
    ("confidence", pa.float32()),
]
_SECOND_ANSWER = [("filter_answer", pa.string()), ("filter_confidence", pa.float32())]
_REASON = [("reason", pa.string())]

GENERATED_QA = Table(name="generated question-answer pairs", schema=pa.schema(_QA), key=("key", "pair_id"))
GENERATED_DC = Table(name="generated region captions", schema=pa.schema(_DC), key=("key", "region_id"))

KEPT_QA = Table(name="kept question-answer pairs", schema=pa.schema(_QA + _SECOND_ANSWER), key=("key", "pair_id"))
"""`filter_answer` and `filter_confidence` are the second model's answer and its confidence."""

KEPT_DC = Table(name="kept region captions", schema=pa.schema(_DC), key=("key", "region_id"))

REJECTED_QA = Table(
    name="rejected question-answer pairs",
    schema=pa.schema(_QA + _SECOND_ANSWER + _REASON),
    key=("key", "pair_id"),
)
"""The second answer is null where a pair fell before the second model was asked."""

REJECTED_DC = Table(name="rejected region captions", schema=pa.schema(_DC + _REASON), key=("key", "region_id"))

BOXES = Table(
    name="boxes",
    schema=pa.schema([("key", pa.string()), ("box_id", pa.int32()), ("box", BOX), ("score", pa.float32())]),
    key=("key", "box_id"),
)
"""Boxes from a detector or from annotators, for `boxes: {kind: file}`."""
