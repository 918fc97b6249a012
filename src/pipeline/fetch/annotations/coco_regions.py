"""COCO: boxes with category names as regions, captions as regions that cover the whole image.

`instances_*.json`: `{"images": [{"id", "file_name", "width", "height"}], "categories": [{"id", "name"}],
"annotations": [{"id", "image_id", "category_id", "bbox": [x, y, width, height], "iscrowd"}]}`. A crowd's box
marks an area with many objects, not one of them; it is dropped and counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.builder import CROWD, Annotations, AnnotationSource
from pipeline.fetch.captions.coco import image_url, images_by_id, known_image
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.json_stream import RecordReader, read_object
from pipeline.fetch.raw.locations import RawPath, require_file
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

    def read(self, root: Path) -> Annotations:
        """All boxes and captions as regions. Raises UserError for unknown images and categories."""
        annotations = Annotations(self.name)
        images: dict[str, ListedImage] = {}
        if self.boxes:
            add_boxes(annotations, *read_object(require_file(root, self.boxes), self.boxes), images)
        if self.captions:
            add_captions(annotations, *read_object(require_file(root, self.captions), self.captions), images)
        annotations.images = list(images.values())
        return annotations


def add_boxes(annotations: Annotations, content: Any, reader: RecordReader, images: dict[str, ListedImage]) -> None:
    """Add every object's box with its category's name; region id `box-<annotation id>`."""
    records = images_by_id(content, reader)
    names = {
        reader.identifier(category, "id"): reader.get(category, "name", str)
        for category in reader.get(content, "categories", list)
    }
    for item in reader.get(content, "annotations", list):
        image_id = known_image(item, records, reader)
        record = records[image_id]
        image = add_image(annotations, image_id, record, reader, images)
        region_id = f"box-{reader.identifier(item, 'id')}"
        if item.get("iscrowd"):
            annotations.drop(f"{image.key}/region/{region_id}", CROWD)
            continue
        category = reader.identifier(item, "category_id")
        sides = reader.get(item, "bbox", list)
        if category not in names or len(sides) != 4:
            raise UserError(
                "A COCO box has an unknown category or not four numbers.",
                where=reader.where,
                found=f"annotation {region_id}: category {category}, bbox {sides}",
            )
        left, top, width, height = (reader.number({"bbox": side}, "bbox") for side in sides)
        size = reader.number(record, "width"), reader.number(record, "height")
        annotations.add_region(image.key, region_id, fraction_box(left, top, width, height, *size), names[category])


def add_captions(annotations: Annotations, content: Any, reader: RecordReader, images: dict[str, ListedImage]) -> None:
    """Add every caption as a region of the full image; region id `caption-<annotation id>`."""
    records = images_by_id(content, reader)
    for item in reader.get(content, "annotations", list):
        image_id = known_image(item, records, reader)
        image = add_image(annotations, image_id, records[image_id], reader, images)
        region_id = f"caption-{reader.identifier(item, 'id')}"
        annotations.add_region(image.key, region_id, FULL_IMAGE, reader.get(item, "caption", str))


def add_image(
    annotations: Annotations,
    image_id: str,
    record: Any,
    reader: RecordReader,
    images: dict[str, ListedImage],
) -> ListedImage:
    """The image of a record, new or known."""
    if image_id not in images:
        name = reader.get(record, "file_name", str)
        where = f"{reader.where}: image {image_id}"
        images[image_id] = ListedImage(
            annotations.key(name), name, where, url=image_url(record), source_image_id=f"coco:{image_id}"
        )
    return images[image_id]
