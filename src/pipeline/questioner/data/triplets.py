"""Generated question-answer pairs and region captions as training samples (JADE's pre-training)."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.questioner.data.dataset import Samples, samples_of_tables, sorted_by_image
from pipeline.questioner.model.build import Limits
from pipeline.questioner.model.prompts import Prompts
from pipeline.storage.shards import ImageShards
from pipeline.storage.triplets import read_triplets
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.questions import answer_type
from pipeline.tables.table import Table
from pipeline.tables.triplets import KEPT_DC, KEPT_QA, SPLIT

SOURCE = "triplets"
STAGE, WITHOUT = "finetune", "set continued.data.triplets to 0"


def read_triplet_samples(folder: Path, shards: ImageShards, prompts: Prompts, limits: Limits) -> Samples:
    """The images of `shards` (`data/pairs/`, split train) with the triplets of a folder, but those that are too long.

    Raises UserError if the folder has no triplets, or they are about other images.
    """
    keys = shards.manifest.filter(pc.field("split") == SPLIT)["key"].to_pylist()
    numbers = {key: index for index, key in enumerate(keys)}
    captions, qa = (read_triplets(table, folder, shards, STAGE, WITHOUT) for table in (KEPT_DC, KEPT_QA))
    regions, questions = (sorted_by_image(rows, numbers) for rows in (as_regions(captions), as_questions(qa)))
    return samples_of_tables(keys, regions, questions, prompts, limits)


def as_regions(rows: pa.Table) -> pa.Table:
    """Region captions in the columns of annotated regions."""
    return with_columns(
        REGIONS,
        {
            "key": rows["key"],
            "region_id": rows["region_id"].cast(pa.string()),
            "box": rows["box"],
            "phrase": rows["caption"],
        },
    )


def as_questions(rows: pa.Table) -> pa.Table:
    """Question-answer pairs in the columns of annotated questions: the generator's answer is the only one."""
    answers = rows["answer"].to_pylist()
    return with_columns(
        QUESTIONS,
        {
            "key": rows["key"],
            "question_id": rows["pair_id"].cast(pa.string()),
            "box": rows["box"],
            "question": rows["question"],
            "answers": pa.array([[answer] for answer in answers], pa.list_(pa.string())),
            "question_type": rows["question_type"],
            "answer_type": pa.array([answer_type(answer) for answer in answers], pa.string()),
        },
    )


def with_columns(table: Table, columns: dict[str, pa.Array | pa.ChunkedArray]) -> pa.Table:
    """The columns in the order and with the types of a table, completed by source and split."""
    count = len(columns["key"])
    columns |= {"source": pa.array([SOURCE] * count), "split": pa.array([SPLIT] * count)}
    return pa.table({field.name: columns[field.name].cast(field.type) for field in table.schema}, schema=table.schema)
