"""Image-caption pairs: the manifest of the image shards, and what was dropped on the way into them."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.table import Column, Table

MANIFEST = Table(
    name="manifest",
    path="data/{pairs,annotations,benchmarks/<name>}/manifest.parquet",
    description="One row per image of the shards beside it.",
    columns=(
        Column("key", pa.string(), "The image's key, unique over all sources; its files in the tar begin with it."),
        Column(
            "split",
            pa.string(),
            "`train` or `val`, of annotations also `judge` and `test`; of benchmarks the benchmark's own split.",
        ),
        Column("shard", pa.string(), "Name of the tar, without `.tar`."),
        Column("offset", pa.int64(), "Where the image's bytes begin in the tar."),
        Column("size", pa.int64(), "Number of the image's bytes."),
        Column("captions", pa.list_(pa.string()), "All captions of the image."),
        Column("url", pa.string(), "Where the image comes from; empty if the source does not say."),
        Column("width", pa.int32(), "In pixels, as stored."),
        Column("height", pa.int32(), "In pixels, as stored."),
        Column("sha256", pa.string(), "Digest of the image's bytes: equal for copies of one image."),
        Column("phash", pa.uint64(), "Perceptual hash: of images that look alike few of its 64 bits differ."),
    ),
    key=("key",),
)

DROPPED = Table(
    name="dropped",
    path="data/{pairs,annotations,benchmarks/<name>}/dropped.parquet",
    description="One row per item that was read and not kept.",
    columns=(
        Column("source", pa.string(), "Name of the source in the parameters."),
        Column("key", pa.string(), "What the source calls the item."),
        Column("url", pa.string(), "Where the image comes from; empty if the source does not say."),
        Column("reason", pa.string(), "Why it was dropped."),
        Column("permanent", pa.bool_(), "False where another try may succeed later."),
    ),
    key=("source", "key"),
)
