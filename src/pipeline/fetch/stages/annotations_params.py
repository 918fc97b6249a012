"""Parameters of the stage that fetches annotations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.fetch.annotations.coco_regions import CocoRegionsSource
from pipeline.fetch.annotations.derived.source import DerivedQuestionsSource
from pipeline.fetch.annotations.flickr30k_entities.source import Flickr30kEntitiesSource
from pipeline.fetch.annotations.gqa import GqaSource
from pipeline.fetch.annotations.jsonl import JsonlSource
from pipeline.fetch.annotations.visual_genome import VisualGenomeSource
from pipeline.fetch.annotations.vqav2 import Vqav2Source
from pipeline.fetch.packing.params import TrainingImagesParams, require_unique
from pipeline.tables.splits import ANNOTATION_SPLITS

AnyAnnotations = Annotated[
    VisualGenomeSource
    | GqaSource
    | Vqav2Source
    | CocoRegionsSource
    | Flickr30kEntitiesSource
    | DerivedQuestionsSource
    | JsonlSource,
    Field(discriminator="kind"),
]


class FetchAnnotationsParams(TrainingImagesParams):
    """Where annotations come from, and how their images are stored."""

    sources: list[AnyAnnotations] = Field(
        min_length=1, description="Annotated data sets to read; `kind` names the layout of the files."
    )
    val_source_images: int = Field(
        default=0,
        ge=0,
        le=1_000_000_000,
        description="Photographs of train sources held out as val split, chosen by hash.",
    )

    judge_source_images: int = Field(
        default=0,
        ge=0,
        le=1_000_000_000,
        description="Photographs of train sources held back to judge generated rows, chosen by hash.",
    )

    @model_validator(mode="after")
    def _check(self) -> FetchAnnotationsParams:
        require_unique([source.name for source in self.sources])
        for source in self.sources:
            if source.split not in ANNOTATION_SPLITS:
                known = ", ".join(ANNOTATION_SPLITS)
                raise ValueError(f"source {source.name}: split must be one of {known}, not {source.split}")
        return self
