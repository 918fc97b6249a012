"""What the models said of held-out images and annotations, so that it can be read, and judged elsewhere."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.table import BOX, Column, Table

_KEY = Column("key", pa.string(), "The image.")
_URL = Column("url", pa.string(), "Where the image comes from.")

HELD_OUT_ANSWERS = Table(
    name="held-out answers",
    path="results/{train_generator/held_out,train_filter/held_out,finetune/held_out/<task>,evaluate_finetuned/details/<score>,evaluate_data/details/test/<model>}/answers.parquet",
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
    path="results/{pretrain/held_out,finetune/held_out/<task>,evaluate_finetuned/details/<score>}/captions.parquet",
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

HELD_OUT_RANKS = Table(
    name="ranks of held-out queries",
    path="results/evaluate_finetuned/details/<score>/ranks.parquet",
    description="A caption or an image that asks, with the rank of its right answer.",
    columns=(
        Column("direction", pa.string(), "text_to_image or image_to_text."),
        Column("query", pa.int32(), "Number of the caption or the image that asks."),
        Column("key", pa.string(), "The query's image, or the image that its caption describes."),
        Column("text", pa.string(), "The query's caption, as the model reads it; empty if the query is an image."),
        Column("rank", pa.int32(), "Rank of the right answer by the contrastive heads, from 1."),
        Column("reranked", pa.int32(), "Its rank after re-ranking; null: none was asked for."),
    ),
    key=("direction", "query"),
)
