"""The tables of generated, kept and rejected training data.

`pair_id` and `region_id` count within one image: `region_id` is the number of the box in the image's list
of boxes, `pair_id` is that number times the questions per box plus the number of the question; pairs by
template come after those of the last box. They stay the same in the kept and rejected tables, so a row can be
followed through the funnel.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.tables.table import BOX, Column, Table

_QA = (
    Column("key", pa.string(), "The image."),
    Column("pair_id", pa.int32(), "Number of the pair within its image."),
    Column("box", BOX, "The region that the question is about."),
    Column("region_caption", pa.string(), "The caption that the question was asked from."),
    Column("question", pa.string(), "The generated question."),
    Column("answer", pa.string(), "The generator's answer, or that of a template."),
    Column("question_type", pa.string(), "what, how, where, who, why, when, binary or other."),
    Column(
        "answer_confidence", pa.float32(), "The generator's mean probability of the answer's words; 1 for templates."
    ),
)
_DC = (
    Column("key", pa.string(), "The image."),
    Column("region_id", pa.int32(), "Number of the region within its image."),
    Column("box", BOX, "The region."),
    Column("caption", pa.string(), "The generated caption."),
    Column("confidence", pa.float32(), "Mean probability of the caption's words."),
)
_FILTER = (
    Column("filter_answer", pa.string(), "The filter model's answer; null where it was not asked."),
    Column("filter_confidence", pa.float32(), "Mean probability of that answer's words; null where it was not asked."),
)
_REASON = (Column("reason", pa.string(), "Why the row was rejected."),)
_QA_KEY, _DC_KEY = ("key", "pair_id"), ("key", "region_id")

GENERATED_QA = Table(
    "generated question-answer pairs",
    "data/generated/<shard>-qa.parquet",
    _QA,
    _QA_KEY,
    "A generated question with its answer.",
)
GENERATED_DC = Table(
    "generated region captions", "data/generated/<shard>-dc.parquet", _DC, _DC_KEY, "A generated region caption."
)
KEPT_QA = Table(
    "kept question-answer pairs",
    "data/triplets/<shard>-qa.parquet",
    _QA + _FILTER,
    _QA_KEY,
    "A pair on which generator and filter model agree.",
)
KEPT_DC = Table(
    "kept region captions", "data/triplets/<shard>-dc.parquet", _DC, _DC_KEY, "A region caption that was kept."
)
REJECTED_QA = Table(
    "rejected question-answer pairs",
    "data/rejected/<shard>-qa.parquet",
    _QA + _FILTER + _REASON,
    _QA_KEY,
    "A pair that was rejected, and why.",
)
REJECTED_DC = Table(
    "rejected region captions",
    "data/rejected/<shard>-dc.parquet",
    _DC + _REASON,
    _DC_KEY,
    "A region caption that was rejected, and why.",
)


SPLIT = "train"
"""Triplets are for learning: held-out images need none."""


def files_of_shards(folder: Path, suffix: str, shards: Iterable[str], fix: str) -> list[Path]:
    """The file `<shard>-<suffix>.parquet` of every shard. Raises UserError, with this way out, if one is missing."""
    paths = [folder / f"{shard}-{suffix}.parquet" for shard in shards]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise UserError(
            "A folder of generated data lacks the table of a shard.",
            where=missing[0],
            expected=f"one table for each of {len(paths)} shards of training images",
            found=f"{len(missing)} missing",
            fix=fix,
        )
    return paths


BOXES = Table(
    name="boxes",
    path="a file of the user's, named by `generate.boxes: {kind: file}`",
    description="A box from a detector or from annotators.",
    columns=(
        Column("key", pa.string(), "The image."),
        Column("box_id", pa.int32(), "Number of the box within its image."),
        Column("box", BOX, "The box."),
        Column("score", pa.float32(), "The detector's score; the highest are taken."),
    ),
    key=("key", "box_id"),
)
