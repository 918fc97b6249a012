"""Parameters of the stage `report`: what the page is called and how many examples it shows."""

from pydantic import Field

from pipeline.core.settings import Params


class ReportParams(Params):
    """Stage `report`. The examples come from those that the evaluation drew; there may be fewer than asked for."""

    title: str = Field(min_length=1, max_length=120, description="Heading of the page.")
    queries: int = Field(ge=0, le=50, description="Maximum retrieval examples per benchmark and direction.")
    kept_pairs: int = Field(ge=0, le=100, description="Maximum examples of kept question-answer pairs.")
    rejected_pairs: int = Field(
        ge=0, le=100, description="Maximum examples of rejected question-answer pairs, over all reasons."
    )
    region_captions: int = Field(ge=0, le=100, description="Maximum examples of region captions, kept and rejected.")
    picture_pixels: int = Field(ge=64, le=1024, description="Maximum longer side of a picture, in pixels.")
