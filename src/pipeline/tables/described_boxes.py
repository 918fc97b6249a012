"""What was said of the annotated boxes of the split test, so that it can be read, and judged elsewhere."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.table import BOX, Column, Table

DESCRIBED_BOXES = Table(
    name="captions of test boxes",
    path="results/evaluate_data/details/test/generator/captions.parquet",
    description="A distinct annotated box of the split test, with the generator's caption and the blind baseline's.",
    columns=(
        Column("key", pa.string(), "The image."),
        Column("url", pa.string(), "Where the image comes from."),
        Column("region_id", pa.string(), "As in `regions`: the first region with this box."),
        Column("box", BOX, "The box."),
        Column("phrases", pa.list_(pa.string()), "All phrases of annotators about this box."),
        Column("caption", pa.string(), "The generator's greedy caption; empty if it did not end."),
        Column("head_noun", pa.bool_(), "Whether its head noun agrees with a phrase's; null: the words leave it open."),
        Column("blind_caption", pa.string(), "The phrase guessed from the box alone; null: nothing to guess from."),
        Column("blind_head_noun", pa.bool_(), "As `head_noun`, of that phrase."),
    ),
    key=("key", "region_id"),
)
