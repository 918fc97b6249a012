"""A detector's boxes, made once: a step of its own before generation, so that another generator asks no detector.

Batches are those of generation, since a detector pads the images of a batch to one size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.core.files import existing_file
from pipeline.core.samples import at_sample
from pipeline.execution.step import Shard, Step
from pipeline.storage.images import decode_image
from pipeline.storage.shards import ImageShards, stream_shard
from pipeline.tables.triplets import BOXES
from pipeline.triplets.generate.params import DetectorBoxes

if TYPE_CHECKING:
    from pipeline.triplets.generate.detector import Detector


@dataclass
class DetectStep(Step):
    """One shard of images to `boxes/<shard>.parquet`, a table of boxes."""

    params: DetectorBoxes
    images_per_batch: int
    root: Path

    name: ClassVar[str] = "detect"
    on_device: ClassVar[bool] = True

    def parameters(self) -> dict[str, Any]:
        """What is detected, and in which batches; the weights are a file of every shard."""
        return {"params": self.params.model_dump(exclude={"weights"}), "images_per_batch": self.images_per_batch}

    def setup(self) -> None:
        """Load the detector."""
        from pipeline.core.settings import machine
        from pipeline.triplets.generate.detector import Detector

        self.detector: Detector = Detector.load(self.params, weights_file(self.params, self.root), machine().device)

    def run(self, shard: Shard, folder: Path) -> None:
        """`shard.files` begins with the tar of images."""
        rows: list[dict[str, Any]] = []
        tar = shard.files[0]
        stream = stream_shard(tar)
        while batch := list(islice(stream, self.images_per_batch)):
            keys = [key for key, _ in batch]
            with at_sample(tar, *keys):
                found = self.detector.find([decode_image(data, where=f"{tar}: {key}") for key, data in batch])
            rows += [
                {"key": key, "box_id": number, "box": box, "score": score}
                for key, boxes in zip(keys, found, strict=True)
                for number, (box, score) in enumerate(boxes)
            ]
        BOXES.write(folder / "boxes" / f"{shard.name}.parquet", rows)

    def shards(self, pairs: ImageShards, names: Sequence[str]) -> list[Shard]:
        """The work: shards of images, each with the weights. Raises UserError if these are missing."""
        weights = weights_file(self.params, self.root)
        return [Shard(name, (pairs.path(name), weights), pairs.listed(name)) for name in names]


def weights_file(params: DetectorBoxes, root: Path) -> Path:
    """Where a detector's weights lie. Raises UserError if they are not there."""
    return existing_file(
        root / params.weights,
        "The detector's weights are missing.",
        expected=f"the state of torchvision's {params.model}",
        fix="put them there, or set generate.boxes.kind to grid",
    )
