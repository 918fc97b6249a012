"""Parameters of packing, which all fetch stages share."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from pipeline.core.parameters.bounds import Share
from pipeline.core.settings import Params
from pipeline.fetch.packing.image_format import ImageFormat


class PackingParams(Params):
    """How the images of a stage's sources are stored, and how many of them may be damaged."""

    shard_size: int = Field(default=1000, ge=1, le=1_000_000, description="Maximum images per packed shard.")
    image_format: ImageFormat = Field(default_factory=ImageFormat)
    max_dropped_share: Share = Field(
        default=0.05, description="Share of a source's samples that may be damaged; more is an error."
    )


class TrainingImagesParams(PackingParams):
    """The same, for images that models learn from."""

    benchmark_distance: int | None = Field(
        default=None,
        ge=0,
        le=16,
        description="Drop images within n bits of a benchmark's, by their perceptual hashes; null: none.",
    )


def require_unique(names: Sequence[str]) -> None:
    """Raise ValueError if two sources share a name."""
    if len(set(names)) < len(names):
        raise ValueError(f"sources need different names, found {', '.join(names)}")
