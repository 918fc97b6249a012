"""Image-caption pairs: the manifest of the image shards, and what was dropped on the way into them."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.table import Table

MANIFEST = Table(
    name="manifest",
    schema=pa.schema(
        [
            ("key", pa.string()),
            ("split", pa.string()),
            ("shard", pa.string()),
            ("offset", pa.int64()),
            ("size", pa.int64()),
            ("captions", pa.list_(pa.string())),
            ("url", pa.string()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("sha256", pa.string()),
        ]
    ),
    key=("key",),
)
"""One row per image; `shard` is the tar's name without `.tar`, `offset` and `size` are bytes in it."""


DROPPED = Table(
    name="dropped",
    schema=pa.schema(
        [
            ("source", pa.string()),
            ("key", pa.string()),
            ("url", pa.string()),
            ("reason", pa.string()),
            ("permanent", pa.bool_()),
        ]
    ),
    key=("source", "key"),
)
"""One row per dropped item; `permanent` is false where trying again later may succeed."""
