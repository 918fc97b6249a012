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
from pipeline.fetch.packing.dropped import IMAGE_MISSING, LISTED_TWICE, NAME_FITS_TWO, Ledger
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

    `where` is its entry in the list, for messages. `key` is given when all names are known. `source_image_id`
    (`coco:77`) is equal for all entries, of any source, that show the same image; these are never split between train
    and val. `box_size` is the width and height in pixels that the image's boxes are measured in; None: it has no boxes.
    `any_folder` says that the folder in `file_name` is a guess, which only tells apart images of one name.
    """

    file_name: str
    where: str
    captions: Sequence[str] = ()
    url: str = ""
    key: str = ""
    source_image_id: str = ""
    box_size: tuple[float, float] | None = None
    any_folder: bool = False


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


def locate(source: ImageSource, images: Sequence[ListedImage], root: Path, ledger: Ledger) -> list[SourceImage]:
    """The images that a source lists, with the places of their bytes below the source's folder of images.

    An image that is listed twice or not found is dropped. Raises UserError if the list is empty.
    """
    if not images:
        raise UserError(
            "A source lists no images.",
            where=source.listed_in,
            found=", ".join(ledger.examples.values()),
            fix="check the file and the splits selected from it",
        )
    archive = ImageArchive(root, source.images)
    first: dict[str, ListedImage] = {}
    located: list[SourceImage] = []
    for image in images:
        if image.key in first:
            ledger.drop(image.key, LISTED_TWICE, image.url, f"{first[image.key].where} and {image.where}")
            continue
        first[image.key] = image
        try:
            place = archive.find(image.file_name, image.any_folder)
        except UserError as error:
            ledger.drop(image.key, NAME_FITS_TWO, image.url, f"{image.where}: {error.where}")
            continue
        if place is None:
            ledger.drop(image.key, IMAGE_MISSING, image.url, f"{image.where}: {archive.why_missing(image.file_name)}")
        else:
            located.append(SourceImage(image.key, place, image.captions, image.url))
    return located
