"""What the models said of held-out images and annotations, so that it can be read, and judged elsewhere."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.table import BOX, Column, Table

_KEY = Column("key", pa.string(), "The image.")
_URL = Column("url", pa.string(), "Where the image comes from.")

HELD_OUT_ANSWERS = Table(
    name="held-out answers",
    path="results/{train_generator,train_filter,finetune}/held_out/answers.parquet",
    description="A held-out question with the model's answer.",
    columns=(
        _KEY,
        _URL,
        Column("question_id", pa.string(), "As in `questions`."),
        Column("box", BOX, "The region that the question is about; null: the whole image."),
        Column("question", pa.string(), "The question."),
        Column("question_type", pa.string(), "what, how, where, who, why, when, binary or other."),
        Column("references", pa.list_(pa.string()), "The annotators' answers."),
        Column("answer", pa.string(), "The model's answer; empty if it did not end."),
    ),
    key=("key", "question_id"),
)

HELD_OUT_IMAGE_CAPTIONS = Table(
    name="held-out captions",
    path="results/{pretrain,finetune}/held_out/captions.parquet",
    description="A held-out image with the model's caption.",
    columns=(
        _KEY,
        _URL,
        Column("references", pa.list_(pa.string()), "The image's captions."),
        Column("caption", pa.string(), "The model's caption; empty if it did not end."),
    ),
    key=("key",),
)

HELD_OUT_CAPTIONS = Table(
    name="held-out region captions",
    path="results/train_generator/held_out/captions.parquet",
    description="A held-out region with the model's caption.",
    columns=(
        _KEY,
        _URL,
        Column("region_id", pa.string(), "As in `regions`."),
        Column("box", BOX, "The region."),
        Column("phrase", pa.string(), "The annotator's phrase."),
        Column("caption", pa.string(), "The model's caption; empty if it did not end."),
    ),
    key=("key", "region_id"),
)
