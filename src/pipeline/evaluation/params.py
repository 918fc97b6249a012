"""Parameters of the stages `evaluate` and `evaluate_data`."""

from pydantic import Field

from pipeline.core.settings import Params


class GalleryParams(Params):
    """How many retrieval examples are kept for the report."""

    queries: int = Field(ge=0, description="Retrieval examples per benchmark and direction.")
    candidates: int = Field(ge=1, le=50, description="Best candidates shown per query.")


class EvaluateParams(Params):
    """Stage `evaluate`: retrieval on every benchmark."""

    seed: int = Field(ge=0, description="Seed of the bootstrap samples and of the choice of examples.")
    batch_size: int = Field(ge=1, description="Images or captions encoded together.")
    bootstrap_samples: int = Field(ge=100, le=100_000, description="Resamples for the interval of R@1.")
    gallery: GalleryParams


class EvaluateDataParams(Params):
    """Stage `evaluate_data`: quality of the generated data, and of the models that made it."""

    seed: int = Field(ge=0, description="Seed of the choice of images and examples.")
    judged_images: int | None = Field(
        ge=1, description="Images whose generated rows are judged, drawn at random; null: all of them."
    )
    rows_per_reason: int = Field(
        ge=0, description="Examples of kept pairs, and of rejected ones for each reason; captions too."
    )
