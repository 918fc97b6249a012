"""COCO: boxes with category names as regions, captions as regions that cover the whole image.

`instances_*.json`: `{"images": [{"id", "file_name", "width", "height"}], "categories": [{"id", "name"}],
"annotations": [{"id", "image_id", "category_id", "bbox": [x, y, width, height], "iscrowd"}]}`. A crowd's box
marks an area with many objects, not one of them; it is dropped and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from pipeline.fetch.annotations.builder import CROWD, Annotations, AnnotationSource
from pipeline.fetch.captions.coco import images_by_id, known_image, listed_image
from pipeline.fetch.packing.dropped import UNKNOWN_CATEGORY, Ledger
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.json_stream import read_object
from pipeline.fetch.raw.locations import RawPath, require_file
from pipeline.fetch.raw.records import RecordError, RecordReader
from pipeline.storage.boxes import FULL_IMAGE, fraction_box


class CocoRegionsSource(AnnotationSource):
    """COCO: boxes with category names, and captions as whole-image regions."""

    kind: Literal["coco"]
    boxes: RawPath | None = Field(description="Boxes: instances_train2017.json; null: not used.")
    captions: RawPath | None = Field(description="Captions: captions_train2017.json.")

    @model_validator(mode="after")
    def _check(self) -> CocoRegionsSource:
        if self.boxes is None and self.captions is None:
            raise ValueError("name boxes, captions or both")
        return self

    @property
    def listed_in(self) -> str:
        """The file that lists the images."""
        return self.boxes or self.captions or ""

    def fill(self, annotations: Annotations, root: Path) -> None:
        """Add all boxes and captions as regions."""
        images: dict[str, ListedImage] = {}
        annotations.regions.where = self.listed_in
        if self.boxes:
            add_boxes(annotations, *read_object(require_file(root, self.boxes), self.boxes), images)
        if self.captions:
            add_captions(annotations, *read_object(require_file(root, self.captions), self.captions), images)
        annotations.images = list(images.values())


def add_boxes(annotations: Annotations, content: Any, reader: RecordReader, images: dict[str, ListedImage]) -> None:
    """Add every object's box with its category's name; region id `box-<annotation id>`."""
    records = images_by_id(content, reader, annotations.ledger)
    names = category_names(content, reader, annotations.ledger)
    for number, item in enumerate(reader.get(content, "annotations", list)):
        try:
            add_box(annotations, item, records, names, reader, images)
        except RecordError as error:
            annotations.ledger.drop_record(error, "annotations", number)


def add_box(
    annotations: Annotations,
    item: Any,
    records: Mapping[str, Any],
    names: Mapping[str, str],
    reader: RecordReader,
    images: dict[str, ListedImage],
) -> None:
    """Add one object's box. Raises RecordError if its record cannot be used."""
    image_id = known_image(item, records, reader)
    record = records[image_id]
    region_id = f"box-{reader.identifier(item, 'id')}"
    if item.get("iscrowd"):
        image = add_image(annotations, image_id, record, reader, images)
        annotations.drop(f"{image.key}/region/{region_id}", CROWD)
        return
    category = reader.identifier(item, "category_id")
    if category not in names:
        raise RecordError(UNKNOWN_CATEGORY, reader.where, "an id of its `categories`", f"{region_id}: {category}")
    sides = reader.get(item, "bbox", list)
    if len(sides) != 4:
        raise reader.error(item, "bbox", "four numbers: x, y, width, height")
    left, top, width, height = (reader.number({"bbox": side}, "bbox") for side in sides)
    size = reader.number(record, "width"), reader.number(record, "height")
    image = add_image(annotations, image_id, record, reader, images, size)
    annotations.add_region(image.key, region_id, fraction_box(left, top, width, height, *size), names[category])


def category_names(content: Any, reader: RecordReader, ledger: Ledger) -> dict[str, str]:
    """The names of the categories by their id."""
    names: dict[str, str] = {}
    for number, category in enumerate(reader.get(content, "categories", list)):
        try:
            names[reader.identifier(category, "id")] = reader.text(category, "name")
        except RecordError as error:
            ledger.drop_record(error, "categories", number)
    return names


def add_captions(annotations: Annotations, content: Any, reader: RecordReader, images: dict[str, ListedImage]) -> None:
    """Add every caption as a region of the full image; region id `caption-<annotation id>`."""
    records = images_by_id(content, reader, annotations.ledger)
    for number, item in enumerate(reader.get(content, "annotations", list)):
        try:
            image_id = known_image(item, records, reader)
            region_id, caption = f"caption-{reader.identifier(item, 'id')}", reader.text(item, "caption")
            image = add_image(annotations, image_id, records[image_id], reader, images)
            annotations.add_region(image.key, region_id, FULL_IMAGE, caption)
        except RecordError as error:
            annotations.ledger.drop_record(error, "annotations", number)


def add_image(
    annotations: Annotations,
    image_id: str,
    record: Any,
    reader: RecordReader,
    images: dict[str, ListedImage],
    box_size: tuple[float, float] | None = None,
) -> ListedImage:
    """The image of a record, new or known."""
    if image_id not in images or (box_size and images[image_id].box_size is None):
        image = listed_image(record, image_id, reader)
        images[image_id] = replace(image, key=annotations.key(image.file_name), box_size=box_size)
    return images[image_id]
