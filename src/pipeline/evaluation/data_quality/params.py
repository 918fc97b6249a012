"""Parameters of the stage `evaluate_data`."""

from pydantic import Field

from pipeline.core.settings import Params, Seed


class EvaluateDataParams(Params):
    """Stage `evaluate_data`: quality of the generated data, and of the models that made it."""

    seed: Seed = Field(description="Seed of the choice of images and examples.")
    judged_images: int | None = Field(
        ge=1,
        le=1_000_000_000,
        description="Images whose generated rows are judged, drawn at random; null: all of them.",
    )
    images_per_batch: int = Field(
        default=32, ge=1, le=65_536, description="Images of the split test that are captioned and answered together."
    )
    rows_per_reason: int = Field(
        ge=0, le=10_000, description="Examples of kept pairs, and of rejected ones for each reason; captions too."
    )
