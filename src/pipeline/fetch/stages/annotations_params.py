"""Parameters of the stage that fetches annotations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.core.settings import Params
from pipeline.fetch.annotations.coco_regions import CocoRegionsSource
from pipeline.fetch.annotations.gqa import GqaSource
from pipeline.fetch.annotations.jsonl import JsonlSource
from pipeline.fetch.annotations.visual_genome import VisualGenomeSource
from pipeline.fetch.annotations.vqav2 import Vqav2Source
from pipeline.fetch.packing.image_format import ImageFormat

AnyAnnotations = Annotated[
    VisualGenomeSource | GqaSource | Vqav2Source | CocoRegionsSource | JsonlSource, Field(discriminator="kind")
]


class FetchAnnotationsParams(Params):
    """Where annotations come from, and how their images are stored."""

    sources: list[AnyAnnotations] = Field(
        min_length=1, description="Annotated data sets to read; `kind` names the layout of the files."
    )
    shard_size: int = Field(default=1000, ge=1, le=1_000_000, description="Maximum images per packed shard.")
    val_source_images: int = Field(
        default=0,
        ge=0,
        le=1_000_000_000,
        description="Photographs of train sources held out as val split, chosen by hash.",
    )
    image_format: ImageFormat = Field(default_factory=ImageFormat)
    max_dropped_share: float = Field(
        default=0.05, ge=0, le=1, description="Share of a source's samples that may be damaged; more is an error."
    )

    @model_validator(mode="after")
    def _check(self) -> FetchAnnotationsParams:
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise ValueError(f"sources need different names, found {', '.join(names)}")
        for source in self.sources:
            if source.split not in ("train", "val"):
                raise ValueError(f"source {source.name}: split must be train or val, not {source.split}")
        return self
