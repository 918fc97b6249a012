"""Examples for the report, drawn at random by the evaluation."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.table import BOX, Column, Table

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
    path="results/evaluate/details/retrieval.parquet",
    description="A query with its best candidates.",
    columns=(
        Column("benchmark", pa.string(), "Name of the benchmark."),
        Column("split", pa.string(), "Its split."),
        Column("direction", pa.string(), "text_to_image or image_to_text."),
        Column("query", pa.int32(), "Number of the query."),
        Column("key", pa.string(), "The query's image, or the image that its caption describes."),
        Column("text", pa.string(), "The query's caption; empty if the query is an image."),
        Column("rank", pa.int32(), "Rank of the right answer, from 1."),
        Column("candidates", pa.list_(CANDIDATE), "Best first: key, text, score, whether right, whether true."),
    ),
    key=("benchmark", "split", "direction", "query"),
)

PAIR_EXAMPLES = Table(
    name="examples of kept and rejected pairs",
    path="results/evaluate_data/details/pairs.parquet",
    description="A generated pair, kept or rejected.",
    columns=(
        Column("key", pa.string(), "The image."),
        Column("pair_id", pa.int32(), "As in `data/generated`."),
        Column("box", BOX, "The region that the question is about."),
        Column("region_caption", pa.string(), "The generated caption of the region."),
        Column("question", pa.string(), "The generated question."),
        Column("answer", pa.string(), "The generator's answer."),
        Column("question_type", pa.string(), "what, how, where, who, why, when, binary or other."),
        Column("answer_confidence", pa.float32(), "Mean probability of the answer's words."),
        Column("filter_answer", pa.string(), "The filter model's answer."),
        Column("filter_confidence", pa.float32(), "Mean probability of that answer's words."),
        Column("kept", pa.bool_(), "Whether the filter kept it."),
        Column("reason", pa.string(), "Why it was rejected; null if it was kept."),
        Column("verdict", pa.string(), "The verdict of the oracle or of held-back annotations; null: not judged."),
        Column("truth", pa.string(), "The right answer; null where nobody knows it."),
    ),
    key=("key", "pair_id"),
)

CAPTION_EXAMPLES = Table(
    name="examples of kept and rejected region captions",
    path="results/evaluate_data/details/captions.parquet",
    description="A generated region caption, kept or rejected.",
    columns=(
        Column("key", pa.string(), "The image."),
        Column("region_id", pa.int32(), "As in `data/generated`."),
        Column("box", BOX, "The region."),
        Column("caption", pa.string(), "The generated caption."),
        Column("confidence", pa.float32(), "Mean probability of the caption's words."),
        Column("kept", pa.bool_(), "Whether the filter kept it."),
        Column("reason", pa.string(), "Why it was rejected; null if it was kept."),
        Column("true", pa.bool_(), "Whether oracle or held-back annotations hold it true; null: not judged."),
    ),
    key=("key", "region_id"),
)
