"""A shard of three plain images, and what a generator made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from tests.triplets.fakes import FakeGenerator, as_generator

from pipeline.execution.step import Shard
from pipeline.storage.shards import ShardWriter
from pipeline.tables.pairs import MANIFEST
from pipeline.triplets.generate.params import GenerateParams
from pipeline.triplets.generate.step import GenerateStep

GENERATE = {
    "boxes": {
        "kind": "grid",
        "levels": [{"cells": 1, "overlap": 0.0}, {"cells": 2, "overlap": 0.0}],
    },
    "question_types": {"what": 2, "binary": 1},
    "captions": {"seed": 0, "top_k": 3},
    "questions": {"seed": 1, "top_k": 10},
    "images_per_batch": 2,
}


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """The tar of three images: a and c are red, b is blue."""
    with ShardWriter(tmp_path / "pairs" / "train-00000.tar", "train") as writer:
        for key, colour in [("a", "red"), ("b", "blue"), ("c", "red")]:
            image = tmp_path / f"{key}.png"
            Image.new("RGB", (8, 8), colour).save(image)
            writer.add(key, image.read_bytes(), ["caption"])
    MANIFEST.write(tmp_path / "pairs" / "manifest.parquet", writer.manifest())
    return tmp_path / "pairs" / "train-00000.tar"


@pytest.fixture
def generated(shard: Path, tmp_path: Path) -> Path:
    """The folder of generated tables."""
    step = GenerateStep(GenerateParams.model_validate(GENERATE), tmp_path)
    step.generator = as_generator(FakeGenerator())
    step.run(Shard("train-00000", (shard,)), tmp_path)
    return tmp_path / "generated"
