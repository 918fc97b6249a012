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

from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.core.settings import Params
from pipeline.execution.step import Shard, Step
from pipeline.fetch.packing.image_format import ImageFormat
from pipeline.fetch.packing.keys import check_unique, image_key
from pipeline.fetch.packing.pack import Candidate, Packer, Packing, PairFilters
from pipeline.fetch.raw.archive import ImageArchive, ImageReader, Place
from pipeline.fetch.raw.locations import Name, RawPath


class CaptionedSource(Params):
    """What all sources of listed images have in common."""

    name: Name = Field(description="Prefix of the images' keys.")
    images: RawPath = Field(description="Folder with the images, as files or in .tar or .zip archives.")
    split: str = Field(default="train", pattern=r"^[a-z0-9]+$", description="Split under which the images are stored.")


@dataclass(frozen=True)
class ListedImage:
    """An image as its list describes it: file name, captions, url, and the entry's place for messages."""

    file_name: str
    captions: Sequence[str]
    url: str
    where: str

    @property
    def stem(self) -> str:
        """The file name without folder and extension."""
        base = self.file_name.rpartition("/")[2]
        return base.rpartition(".")[0] or base


@dataclass(frozen=True)
class PlacedImage:
    """An image with its key and the place of its bytes."""

    key: str
    place: Place
    captions: Sequence[str]
    url: str

    def argument(self) -> list[Any]:
        """The image as JSON."""
        place = self.place
        return [self.key, place.file, place.member, place.offset, place.size, list(self.captions), self.url]

    @staticmethod
    def of(argument: Sequence[Any]) -> PlacedImage:
        """The image from its JSON."""
        key, file, member, offset, size, captions, url = argument
        return PlacedImage(key, Place(file, member, offset, size), captions, url)


def place_images(images: Sequence[ListedImage], source: str, archive: ImageArchive, named_by: str) -> list[PlacedImage]:
    """Key and place of every listed image.

    Raises UserError if the list is empty, names an image twice, or names one that is missing.
    """
    if not images:
        raise UserError(
            "A source lists no images.", where=named_by, fix="check the file and the splits selected from it"
        )
    keys = [image_key(source, image.stem) for image in images]
    check_unique((key, image.where) for key, image in zip(keys, images, strict=True))
    places = archive.find_all([image.file_name for image in images], named_by)
    return [
        PlacedImage(key, place, image.captions, image.url)
        for key, place, image in zip(keys, places, images, strict=True)
    ]


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
            images = [PlacedImage.of(item) for item in argument["images"]]
            candidates = [candidate(image, reader) for image in images]
            Packer(packing, folder).pack(candidates)


def candidate(image: PlacedImage, reader: ImageReader) -> Candidate:
    """A placed image as the packer takes it."""
    return Candidate(image.key, image.captions, image.url, str(image.place), lambda: reader.read(image.place))


def slice_shard(
    root: Path, images: Sequence[PlacedImage], *, source: str, number: int, split: str, val_images: int = 0
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
            "images": [image.argument() for image in images],
        },
    )
