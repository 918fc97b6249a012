"""Parameters of the stage `evaluate`."""

from pydantic import Field

from pipeline.core.settings import Params, Seed


class GalleryParams(Params):
    """How many retrieval examples are kept for the report."""

    queries: int = Field(ge=0, le=10_000, description="Retrieval examples per benchmark and direction.")
    candidates: int = Field(ge=1, le=50, description="Best candidates shown per query.")


class EvaluateParams(Params):
    """Stage `evaluate`: retrieval on every benchmark."""

    seed: Seed = Field(description="Seed of the bootstrap samples and of the choice of examples.")
    batch_size: int = Field(ge=1, le=65_536, description="Images or captions encoded together.")
    bootstrap_samples: int = Field(ge=100, le=100_000, description="Resamples for the interval of R@1.")
    duplicate_distance: int | None = Field(
        default=None,
        ge=0,
        le=16,
        description="Bits in which hashes of like images may differ; null: nothing is zero-shot.",
    )
    gallery: GalleryParams
