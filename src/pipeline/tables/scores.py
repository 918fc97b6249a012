"""What a model got item by item: ranks of queries, and scores of held-out questions, captions and queries."""

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

VQA_ACCURACY, CIDER, CORRECT = "vqa_accuracy", "cider", "correct"
"""Measures beside the two directions of the table of ranks."""

SCORES = Table(
    name="scores of held-out items",
    path="studies/data/{few_labels,init_from}/<start>-<seed>.parquet",
    description="A held-out question, region, caption or query with what a model got on it.",
    columns=(
        Column(
            "task",
            pa.string(),
            "few_labels: task, hyphen, number of labels or all; init_from: model, hyphen, answers or captions.",
        ),
        Column("measure", pa.string(), "vqa_accuracy, cider, correct (by the oracle), text_to_image or image_to_text."),
        Column("item", pa.int32(), "Number of the question, region, caption or query."),
        Column("image", pa.int32(), "Number of the image that the item belongs to."),
        Column(
            "value",
            pa.float64(),
            "VQA accuracy in percent; CIDEr-D times 100; 100 if correct, else 0; rank of the right answer, from 1.",
        ),
    ),
    key=("task", "measure", "item"),
)
