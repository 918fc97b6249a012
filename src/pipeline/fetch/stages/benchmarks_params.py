"""Parameters of the stage that fetches benchmarks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.core.settings import Params
from pipeline.fetch.annotations.jsonl import JsonlSource
from pipeline.fetch.annotations.vqav2 import Vqav2Source
from pipeline.fetch.captions.coco import CocoSource
from pipeline.fetch.captions.flickr8k import Flickr8kSource
from pipeline.fetch.captions.karpathy import KarpathySource
from pipeline.fetch.packing.image_format import ImageFormat

AnyBenchmark = Annotated[
    KarpathySource | Flickr8kSource | CocoSource | Vqav2Source | JsonlSource, Field(discriminator="kind")
]


class FetchBenchmarksParams(Params):
    """Which benchmarks there are: lists with captions for retrieval, or questions."""

    benchmarks: list[AnyBenchmark] = Field(
        min_length=1, description="Test sets; `name` is the folder, `kind` the layout of the files."
    )
    shard_size: int = Field(default=1000, ge=1, le=1_000_000, description="Maximum images per packed shard.")
    image_format: ImageFormat = Field(default_factory=ImageFormat)
    max_dropped_share: float = Field(
        default=0.05, ge=0, le=1, description="Share of a benchmark's samples that may be damaged; more is an error."
    )

    @model_validator(mode="after")
    def _check(self) -> FetchBenchmarksParams:
        names = [benchmark.name for benchmark in self.benchmarks]
        if len(set(names)) < len(names):
            raise ValueError(f"benchmarks need different names, found {', '.join(names)}")
        return self
