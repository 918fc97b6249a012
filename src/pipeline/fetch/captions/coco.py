"""COCO captions: images, and captions that refer to them by number.

Layout: `{"images": [{"id", "file_name", "coco_url"}], "annotations": [{"id", "image_id", "caption"}]}`.
Images without captions are left out of pair sets; some images have more than five captions, and all are
kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.fetch.captions.sources import CaptionedSource
from pipeline.fetch.packing.dropped import REPEATED_ID, UNKNOWN_IMAGE, Ledger
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.json_stream import read_object
from pipeline.fetch.raw.locations import RawPath, require_file
from pipeline.fetch.raw.records import RecordError, RecordReader, photograph
from pipeline.fetch.raw.texts import clean_text


class CocoSource(CaptionedSource):
    """COCO captions: images and captions of one official file."""

    kind: Literal["coco"]
    captions: RawPath = Field(description="Captions: captions_train2017.json, or another split's.")

    @property
    def listed_in(self) -> str:
        """The file that lists the images."""
        return self.captions

    def listed(self, root: Path, ledger: Ledger) -> list[ListedImage]:
        """All images that have captions, in the file's order."""
        content, reader = read_object(require_file(root, self.captions), self.captions)
        images = images_by_id(content, reader, ledger)
        captions: dict[str, list[str]] = defaultdict(list)
        for number, record in enumerate(reader.get(content, "annotations", list)):
            try:
                image_id = known_image(record, images, reader)
                caption = clean_text(reader.text(record, "caption"))
            except RecordError as error:
                ledger.drop_record(error, "annotations", number)
                continue
            if caption:
                captions[image_id].append(caption)
        return [
            listed_image(image, image_id, reader, captions[image_id])
            for image_id, image in images.items()
            if image_id in captions
        ]


def listed_image(image: Any, image_id: str, reader: RecordReader, captions: Sequence[str] = ()) -> ListedImage:
    """One record of `images` with its captions."""
    where = f"{reader.where}: image {image_id}"
    source_image_id = photograph("coco", image_id)
    return ListedImage(
        reader.text(image, "file_name"), where, captions, image_url(image, reader), source_image_id=source_image_id
    )


def images_by_id(content: Any, reader: RecordReader, ledger: Ledger) -> dict[str, Any]:
    """The records of `images` by their id, those that have an id of their own and a file name."""
    images: dict[str, Any] = {}
    for number, image in enumerate(reader.get(content, "images", list)):
        try:
            image_id = reader.identifier(image, "id")
            reader.text(image, "file_name")
            if image_id in images:
                raise RecordError(REPEATED_ID, reader.where, found=f"id {image_id}")
            images[image_id] = image
        except RecordError as error:
            ledger.drop_record(error, "images", number)
    return images


def known_image(record: Any, images: Mapping[str, Any], reader: RecordReader) -> str:
    """The image id of an annotation. Raises RecordError if the file lists no such image."""
    image_id = reader.identifier(record, "image_id")
    if image_id not in images:
        raise RecordError(UNKNOWN_IMAGE, reader.where, "an id of its `images`", f"image_id {image_id}")
    return image_id


def image_url(image: Any, reader: RecordReader) -> str:
    """The url of an image, or an empty string if the record has none."""
    return reader.url(image, "coco_url", "flickr_url", "url")
