"""A manifest of pairs without pictures, for what reads nothing else of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.tables.pairs import MANIFEST


def write_manifest(folder: Path, shards: Mapping[str, Sequence[str]], urls: Mapping[str, str] | None = None) -> None:
    """A manifest with these keys in these shards; a shard belongs to the split that its name begins with."""
    rows = [
        {
            "key": key,
            "split": shard.partition("-")[0],
            "shard": shard,
            "offset": 512 * (number + 1),
            "size": 1,
            "captions": ["a caption"],
            "url": (urls or {}).get(key, ""),
            "width": 640,
            "height": 480,
            "sha256": "0" * 64,
            "phash": 0,
        }
        for shard, keys in shards.items()
        for number, key in enumerate(keys)
    ]
    MANIFEST.write(folder / "manifest.parquet", rows)
