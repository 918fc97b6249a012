"""Parameters of the stage `generate`."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.settings import Params
from pipeline.questioner.decoding.params import SamplingParams

QuestionType = Literal["what", "how", "where", "who", "why", "when", "binary", "other"]


class GridLevel(Params):
    """One scale of the grid: `cells` × `cells` windows that together cover the image."""

    cells: int = Field(ge=1, le=32, description="windows per row and per column")
    overlap: float = Field(ge=0, le=0.9, description="share of a window's side that it shares with the next")


class GridBoxes(Params):
    """Boxes from a multi-scale grid, the same for every image."""

    kind: Literal["grid"]
    levels: list[GridLevel] = Field(min_length=1, description="scales, coarse ones first")


class FileBoxes(Params):
    """Boxes from a table key, box_id, box, score: a detector's or annotators'."""

    kind: Literal["file"]
    path: str = Field(min_length=1, description="Parquet file, path below the repository's root")
    top_n: int = Field(ge=1, description="boxes per image, best scores first")


class DetectorBoxes(Params):
    """Boxes from torchvision's Faster R-CNN with a file of weights."""

    kind: Literal["detector"]
    model: Literal[
        "fasterrcnn_resnet50_fpn",
        "fasterrcnn_resnet50_fpn_v2",
        "fasterrcnn_mobilenet_v3_large_fpn",
        "fasterrcnn_mobilenet_v3_large_320_fpn",
    ] = Field(description="torchvision's name of the model")
    weights: str = Field(min_length=1, description="its state, path below the repository's root")
    top_n: int = Field(ge=1, description="boxes per image, best scores first")
    min_score: float = Field(ge=0, le=1, description="boxes below it are dropped")


Boxes = Annotated[GridBoxes | FileBoxes | DetectorBoxes, Field(discriminator="kind")]


class GenerateParams(Params):
    """Stage `generate`: what the generator is asked, and how it samples."""

    boxes: Boxes
    question_types: dict[QuestionType, Annotated[int, Field(ge=1, le=32)]] = Field(
        min_length=1, description="questions per box, by type"
    )
    captions: SamplingParams = Field(description="decoding of region captions")
    questions: SamplingParams = Field(description="decoding of questions; answers are always greedy")
    images_per_batch: int = Field(ge=1, description="images decoded together; never crosses a shard's border")
