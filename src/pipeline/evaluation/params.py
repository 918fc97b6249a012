"""Parameters of the stage `evaluate`."""

from pydantic import Field

from pipeline.core.settings import Params


class GalleryParams(Params):
    """How many examples are kept for the report."""

    queries: int = Field(ge=0, description="retrieval examples per benchmark and direction")
    candidates: int = Field(ge=1, le=50, description="best candidates shown per query")
    rows_per_reason: int = Field(ge=0, description="kept pairs, and rejected ones for each reason; captions too")


class EvaluateParams(Params):
    """Stage `evaluate`: figures of retrieval and of the generated data."""

    seed: int = Field(ge=0, description="of bootstrap samples and of the choice of examples")
    batch_size: int = Field(ge=1, description="images or captions encoded together")
    bootstrap_samples: int = Field(ge=100, le=100_000, description="resamples for the interval of R@1")
    judged_images: int | None = Field(
        ge=1, description="images whose generated rows are judged, drawn at random; null: all of them"
    )
    gallery: GalleryParams
