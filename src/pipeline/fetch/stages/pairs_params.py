"""Parameters of the stage that fetches image-caption pairs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.fetch.captions.coco import CocoSource
from pipeline.fetch.captions.flickr8k import Flickr8kSource
from pipeline.fetch.captions.karpathy import KarpathySource
from pipeline.fetch.captions.url_list import UrlListSource
from pipeline.fetch.captions.webdataset import WebDatasetSource
from pipeline.fetch.packing.pack import PairFilters
from pipeline.fetch.packing.params import TrainingImagesParams, require_unique
from pipeline.fetch.raw.download import DownloadLimits
from pipeline.fetch.web.params import WebParams

ListSource = KarpathySource | Flickr8kSource | CocoSource
PairSource = Annotated[WebDatasetSource | UrlListSource | ListSource, Field(discriminator="kind")]


class FetchPairsParams(TrainingImagesParams):
    """Where pairs come from, and how they are stored."""

    sources: list[PairSource] = Field(
        min_length=1, description="Data sets to read; `kind` names the layout of the files."
    )
    val_images: int = Field(
        default=0,
        ge=0,
        le=1_000_000_000,
        description="Train images held out as val split: an equal share of each shard, by hash.",
    )
    duplicate_distance: int | None = Field(
        default=None,
        ge=0,
        le=10,
        description="Drop train images within n bits of one before them, by perceptual hash; null: keep all.",
    )
    filters: PairFilters = Field(default_factory=PairFilters)
    download: DownloadLimits = Field(default_factory=DownloadLimits)
    web: WebParams = Field(default_factory=WebParams)

    @model_validator(mode="after")
    def _check(self) -> FetchPairsParams:
        require_unique([source.name for source in self.sources])
        for source in self.sources:
            if source.split not in ("train", "val"):
                raise ValueError(f"source {source.name}: pairs are split into train and val, not {source.split}")
        return self
