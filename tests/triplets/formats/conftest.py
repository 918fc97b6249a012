"""A repository whose pairs have triplets in two training shards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.storage.shards import ShardWriter
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.triplets import KEPT_DC, KEPT_QA

SHARDS = {"train-00000": ["a", "b"], "train-00001": ["c"], "val-00000": ["v"]}
# Two words with one CRC-32, and an image without a url.
URLS = {"a": "plumless", "b": "buckeroo", "c": "", "v": "http://somewhere/v.jpg"}


def qa(key: str, number: int, **changes: Any) -> dict[str, Any]:
    return {
        "key": key,
        "pair_id": number,
        "box": [0.25, 0.0, 0.5, 1.0],
        "region_caption": "a dog",
        "question": f"what is “number” {number}?",
        "answer": "dog",
        "question_type": "what",
        "answer_confidence": 0.1,
        "filter_answer": "dog",
        "filter_confidence": 0.75,
    } | changes


def caption(key: str, number: int, **changes: Any) -> dict[str, Any]:
    box = [0.0, 0.5, 0.5, 1.0]
    return {"key": key, "region_id": number, "box": box, "caption": f"a dog, {number}", "confidence": 0.3} | changes


QA_ROWS = {
    "train-00000": [qa("a", 3), qa("a", 7, question="is it?", question_type="other"), qa("b", 0)],
    "train-00001": [],
}
DC_ROWS = {
    "train-00000": [caption("a", 0), caption("a", 1)],
    "train-00001": [caption("c", 0, box=[0.123, 0.2, 0.9, 0.456]), caption("c", 2)],
}


@pytest.fixture
def root(tmp_path: Path, jpeg: Callable[..., bytes]) -> Path:
    """The repository: images of 24 x 16 pixels."""
    pairs, triplets = tmp_path / "data" / "pairs", tmp_path / "data" / "triplets"
    manifests = []
    for name, keys in SHARDS.items():
        with ShardWriter(pairs / f"{name}.tar", name.split("-")[0]) as writer:
            for key in keys:
                writer.add(key, jpeg(ord(key)), ["caption"], url=URLS[key])
        manifests.append(writer.manifest())
    MANIFEST.write(pairs / "manifest.parquet", pa.concat_tables(manifests))
    for name in QA_ROWS:
        KEPT_QA.write(triplets / f"{name}-qa.parquet", QA_ROWS[name])
        KEPT_DC.write(triplets / f"{name}-dc.parquet", DC_ROWS[name])
    return tmp_path
