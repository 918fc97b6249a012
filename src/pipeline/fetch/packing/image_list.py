"""Image lists: images named by a file, packed in equal slices by one step.

The readers of Karpathy JSON, Flickr8k and COCO captions, and those of annotations, only say which images
there are; where the bytes lie is looked up here, once, and every slice carries its places. A slice is one
unit of work, so its result depends on nothing but its images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pipeline.execution.step import Shard, Step
from pipeline.fetch.packing.image_format import ImageFormat
from pipeline.fetch.packing.pack import Packer, Packing, PairFilters
from pipeline.fetch.packing.source import SourceImage
from pipeline.fetch.raw.archive import ImageReader


def even_slices(total: int, size: int) -> list[slice]:
    """Slices of nearly equal length, at most `size` each, that cover `total` items in order."""
    count = -(-total // size)
    return [slice(total * i // count, total * (i + 1) // count) for i in range(count)]


@dataclass(frozen=True)
class PackImages(Step):
    """Packs one slice of listed images."""

    name: ClassVar[str] = "pack_images"

    root: Path
    image_format: ImageFormat
    filters: PairFilters | None = None

    def parameters(self) -> dict[str, Any]:
        """Image format and filters; the root does not enter an output."""
        filters = self.filters.model_dump() if self.filters else None
        return {"image_format": self.image_format.model_dump(), "filters": filters}

    def run(self, shard: Shard, folder: Path) -> None:
        """Pack the images of the shard's argument (see `slice_shard`)."""
        argument = shard.argument
        packing = Packing(
            source=argument["source"],
            number=argument["number"],
            split=argument["split"],
            val_images=argument["val_images"],
            image_format=self.image_format,
            filters=self.filters,
            tolerant=False,
        )
        with ImageReader(self.root) as reader:
            images = [SourceImage.from_json(record) for record in argument["images"]]
            Packer(packing, folder, reader.read).pack(images)


def slice_shard(
    root: Path, images: Sequence[SourceImage], *, source: str, number: int, split: str, val_images: int = 0
) -> Shard:
    """One slice of images as a unit of work; its files are the images or archives that it reads."""
    files = sorted({image.place.file for image in images})
    return Shard(
        name=f"{number:05d}",
        files=tuple(root / file for file in files),
        argument={
            "source": source,
            "number": number,
            "split": split,
            "val_images": val_images,
            "images": [image.to_json() for image in images],
        },
    )
