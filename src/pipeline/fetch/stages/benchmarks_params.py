"""Parameters of the stage that fetches benchmarks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.fetch.annotations.jsonl import JsonlSource
from pipeline.fetch.annotations.vqav2 import Vqav2Source
from pipeline.fetch.captions.coco import CocoSource
from pipeline.fetch.captions.flickr8k import Flickr8kSource
from pipeline.fetch.captions.karpathy import KarpathySource
from pipeline.fetch.packing.params import PackingParams, require_unique

AnyBenchmark = Annotated[
    KarpathySource | Flickr8kSource | CocoSource | Vqav2Source | JsonlSource, Field(discriminator="kind")
]


class FetchBenchmarksParams(PackingParams):
    """Which benchmarks there are: lists with captions for retrieval, or questions."""

    benchmarks: list[AnyBenchmark] = Field(
        min_length=1, description="Test sets; `name` is the folder, `kind` the layout of the files."
    )

    @model_validator(mode="after")
    def _check(self) -> FetchBenchmarksParams:
        require_unique([benchmark.name for benchmark in self.benchmarks])
        return self
