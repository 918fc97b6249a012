"""Parameters of the stage `generate`."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.parameters.bounds import Precision, Share
from pipeline.core.settings import Params
from pipeline.questioner.decoding.params import SamplingParams
from pipeline.tables.questions import QuestionType


class GridLevel(Params):
    """One scale of the grid: n × n windows that together cover the image."""

    cells: int = Field(ge=1, le=32, description="Windows per row and per column (n).")
    overlap: float = Field(ge=0, le=0.9, description="Overlap of neighbouring windows, as a share of their side.")


class GridBoxes(Params):
    """Boxes from a multi-scale grid, the same for every image."""

    kind: Literal["grid"]
    levels: list[GridLevel] = Field(min_length=1, max_length=32, description="Scales of the grid, coarse ones first.")


class FileBoxes(Params):
    """Boxes from a Parquet table with the columns key, box_id, box, score."""

    kind: Literal["file"]
    path: str = Field(min_length=1, description="Path to the Parquet file, below the repository's root.")
    max_dropped_share: Share = Field(
        default=0.05, description="Share of boxes that may be bad; an image without a good one gets no texts."
    )
    top_n: int = Field(ge=1, le=10_000, description="Boxes per image, best scores first.")


class DetectorBoxes(Params):
    """Boxes from torchvision's Faster R-CNN."""

    kind: Literal["detector"]
    model: Literal[
        "fasterrcnn_resnet50_fpn",
        "fasterrcnn_resnet50_fpn_v2",
        "fasterrcnn_mobilenet_v3_large_fpn",
        "fasterrcnn_mobilenet_v3_large_320_fpn",
    ] = Field(description="Name of the model in torchvision.")
    weights: str = Field(min_length=1, description="Path to the weights, below the repository's root.")
    top_n: int = Field(ge=1, le=10_000, description="Boxes per image, best scores first.")
    min_score: Share = Field(description="Minimum score of a box that is used.")


BoxSourceParams = Annotated[GridBoxes | FileBoxes | DetectorBoxes, Field(discriminator="kind")]


class GenerateParams(Params):
    """Stage `generate`: what the generator is asked, and how it samples."""

    boxes: BoxSourceParams = Field(description="Boxes that the generator is asked about (JADE: a detector's 16 best).")
    question_types: dict[QuestionType, Annotated[int, Field(ge=1, le=32)]] = Field(
        min_length=1, description="Questions per box, by type (JADE: ten, see presets/cc3m.yaml)."
    )
    caption_questions: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Yes-or-no questions per image, whether a caption describes it (JADE: 5); 0: none.",
    )
    val_split: bool = Field(
        default=False, description="Ask about the pairs' val images too; only evaluate_data reads these rows."
    )
    captions: SamplingParams = Field(description="Top-K sampling of region captions (JADE: K = 3).")
    questions: SamplingParams = Field(description="Top-K sampling of questions (JADE: K = 10); answers are greedy.")
    precision: Precision = Field(default="float32", description="Arithmetic of the generator; weights stay float32.")
    images_per_batch: int = Field(
        ge=1, le=65_536, description="Images decoded together; a batch never crosses a shard's border."
    )
