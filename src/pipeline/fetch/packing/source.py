"""What sources of images have in common, and the way of an image from its entry in a list to its bytes.

A reader turns a source's official files into `ListedImage`s: which images there are, and under which names. `locate`
looks up the place of each image's bytes and returns `SourceImage`s, which are packed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.core.settings import Params
from pipeline.fetch.packing.keys import check_unique
from pipeline.fetch.raw.archive import ImageArchive
from pipeline.fetch.raw.locations import Name, RawPath
from pipeline.fetch.raw.place import Place


class ImageSource(Params):
    """What all sources that list images by name have in common."""

    name: Name = Field(description="Prefix of the images' keys.")
    images: RawPath = Field(description="Folder with the images, as files or in .tar or .zip archives.")
    split: str = Field(default="train", pattern=r"^[a-z0-9]+$", description="Split under which the images are stored.")

    @property
    @abstractmethod
    def listed_in(self) -> str:
        """The file that lists the images, for messages."""


@dataclass(frozen=True)
class ListedImage:
    """An image as its source lists it.

    `where` is its entry in the list, for messages. `source_image_id` (`coco:77`) is equal for all
    entries, of any source, that show the same image; these are never split between train and val.
    """

    key: str
    file_name: str
    where: str
    captions: Sequence[str] = ()
    url: str = ""
    source_image_id: str = ""


@dataclass(frozen=True)
class SourceImage:
    """An image with the place of its bytes, ready to be packed under its key."""

    key: str
    place: Place
    captions: Sequence[str] = ()
    url: str = ""

    def to_json(self) -> dict[str, Any]:
        """The image as a JSON object."""
        return asdict(self)

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> SourceImage:
        """The image from its JSON object."""
        fields: dict[str, Any] = {**record, "place": Place(**record["place"])}
        return SourceImage(**fields)


def locate(source: ImageSource, images: Sequence[ListedImage], root: Path) -> list[SourceImage]:
    """The images that a source lists, with the places of their bytes below the source's folder of images.

    Raises UserError if the list is empty, names an image twice, or names one that is missing.
    """
    if not images:
        raise UserError(
            "A source lists no images.", where=source.listed_in, fix="check the file and the splits selected from it"
        )
    check_unique((image.key, image.where) for image in images)
    archive = ImageArchive(root, source.images)
    places = archive.find_all([image.file_name for image in images], source.listed_in)
    return [
        SourceImage(image.key, place, image.captions, image.url) for image, place in zip(images, places, strict=True)
    ]
