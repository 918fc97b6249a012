"""Parameters of the stage `evaluate`."""

from pydantic import Field

from pipeline.settings import Params


class GalleryParams(Params):
    """Examples that are kept for the report."""

    queries: int = Field(ge=0, description="Retrieval queries per benchmark and direction.")
    candidates: int = Field(ge=1, le=50, description="Best candidates per query.")
    rows_per_reason: int = Field(
        ge=0, description="Kept pairs, and rejected pairs per reason; as many region captions."
    )


class EvaluateParams(Params):
    """Stage `evaluate`: figures of retrieval and of the generated data."""

    seed: int = Field(ge=0, description="Seed of the bootstrap samples and of the choice of examples.")
    batch_size: int = Field(ge=1, description="Images or captions encoded together.")
    bootstrap_samples: int = Field(
        ge=100, le=100_000, description="Bootstrap resamples for the confidence interval of R@1."
    )
    judged_images: int | None = Field(
        ge=1, description="Images, drawn at random, whose generated texts are judged; null: all."
    )
    gallery: GalleryParams
