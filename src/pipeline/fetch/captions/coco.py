"""COCO captions: images, and captions that refer to them by number.

Layout: `{"images": [{"id", "file_name", "coco_url"}], "annotations": [{"id", "image_id", "caption"}]}`.
Images without captions are left out of pair sets; some images have more than five captions, and all are
kept.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.fetch.captions.sources import CaptionedSource
from pipeline.fetch.packing.keys import file_key
from pipeline.fetch.packing.pack import clean_caption
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.json_stream import RecordReader, read_object
from pipeline.fetch.raw.locations import RawPath, require_file


class CocoSource(CaptionedSource):
    """COCO captions: images and captions of one official file."""

    kind: Literal["coco"]
    captions: RawPath = Field(description="Captions: captions_train2017.json, or another split's.")

    @property
    def listed_in(self) -> str:
        """The file that lists the images."""
        return self.captions

    def read(self, root: Path) -> list[ListedImage]:
        """All images that have captions, in the file's order. Raises UserError for captions of unknown images."""
        content, reader = read_object(require_file(root, self.captions), self.captions)
        images = images_by_id(content, reader)
        captions: dict[str, list[str]] = defaultdict(list)
        for record in reader.get(content, "annotations", list):
            image_id = known_image(record, images, reader)
            caption = clean_caption(reader.get(record, "caption", str))
            if caption:
                captions[image_id].append(caption)
        return [
            listed_image(image, image_id, self, reader, captions[image_id])
            for image_id, image in images.items()
            if image_id in captions
        ]


def listed_image(
    image: Any, image_id: str, source: CocoSource, reader: RecordReader, captions: list[str]
) -> ListedImage:
    """One record of `images` with its captions."""
    name = reader.get(image, "file_name", str)
    where = f"{reader.where}: image {image_id}"
    return ListedImage(file_key(source.name, name), name, where, captions, image_url(image))


def images_by_id(content: Any, reader: RecordReader) -> dict[str, Any]:
    """The records of `images` by their id. Raises UserError if an id comes twice."""
    images: dict[str, Any] = {}
    for image in reader.get(content, "images", list):
        image_id = reader.identifier(image, "id")
        if image_id in images:
            raise UserError("Two images share one id.", where=reader.where, found=f"id {image_id}")
        images[image_id] = image
    return images


def known_image(record: Any, images: dict[str, Any], reader: RecordReader) -> str:
    """The image id of an annotation. Raises UserError if the file lists no such image."""
    image_id = reader.identifier(record, "image_id")
    if image_id not in images:
        raise UserError(
            "An annotation refers to an image that the file does not list.",
            where=reader.where,
            expected="an id of its `images`",
            found=f"image_id {image_id}",
        )
    return image_id


def image_url(image: Any) -> str:
    """The url of an image, or an empty string if the record has none."""
    return image.get("coco_url") or image.get("flickr_url") or image.get("url") or ""
