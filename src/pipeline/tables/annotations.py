"""Regions and questions, the two tables of `data/annotations/` beside its image shards."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.table import BOX, Column, Table

REGIONS = Table(
    name="regions",
    path="data/annotations/regions.parquet",
    description="A phrase about a box of an image.",
    columns=(
        Column("key", pa.string(), "The image."),
        Column("region_id", pa.string(), "The annotators' number of the region, with the source's name."),
        Column("box", BOX, "What the phrase is about; the full image is 0, 0, 1, 1."),
        Column("phrase", pa.string(), "The annotator's words."),
        Column("source", pa.string(), "Name of the source in the parameters."),
        Column(
            "split",
            pa.string(),
            "`train`, `val`, `judge` (judges generated rows) or `test` (for the final measurement), by image.",
        ),
    ),
    key=("key", "region_id"),
)

QUESTIONS = Table(
    name="questions",
    path="data/{annotations,benchmarks/<name>}/questions.parquet",
    description="A question about an image or a region of it, with every annotator's answer.",
    columns=(
        Column("key", pa.string(), "The image."),
        Column("question_id", pa.string(), "The annotators' number of the question, with the source's name."),
        Column("box", BOX, "The region that the question is about; null: the whole image."),
        Column("question", pa.string(), "The question."),
        Column("answers", pa.list_(pa.string()), "Every annotator's answer."),
        Column("question_type", pa.string(), "what, how, where, who, why, when, binary or other."),
        Column("answer_type", pa.string(), "VQA's: yes/no, number or other."),
        Column("source", pa.string(), "Name of the source in the parameters."),
        Column("split", pa.string(), "As of `regions`; of benchmarks the benchmark's own split."),
    ),
    key=("key", "question_id"),
)
