"""Visual Genome: region descriptions and question answers (Krishna et al. 2017).

Four files: `image_data.json` (size, url, coco_id), `region_descriptions.json`, `question_answers.json`, and
`qa_to_region_mapping.json`, which gives some questions a region. Known quirks, all accepted: an image's id is
`image_id` or `id`, a region's `region_id` or `id`; boxes may be negative or reach over the border. Images are
named `<id>.jpg`; where the name is not unique, the end of the url's path tells them apart.

Half of the images are COCO's; the COCO id tells which of them another source holds too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from pipeline.fetch.annotations.builder import Annotations, AnnotationSource
from pipeline.fetch.packing.dropped import NO_REGION, REPEATED_ID, UNKNOWN_IMAGE, Ledger
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.json_stream import iterate_list, read_object
from pipeline.fetch.raw.locations import RawPath, require_file
from pipeline.fetch.raw.records import (
    DECIMAL,
    RecordError,
    RecordReader,
    identifier,
    is_missing,
    photograph,
    shown,
)
from pipeline.storage.boxes import fraction_box

NO_COCO_ID = re.compile(r"-[0-9]+(\.0+)?|0+(\.0+)?|")
"""What stands for no id of COCO, beside null and NaN."""


class VisualGenomeSource(AnnotationSource):
    """Visual Genome: regions and questions; files set to null are not used."""

    kind: Literal["visual_genome"]
    image_data: RawPath | None = Field(description="Image sizes: image_data.json; needed for regions.")
    region_descriptions: RawPath | None = Field(description="Regions with phrases: region_descriptions.json.")
    question_answers: RawPath | None = Field(description="Questions and answers: question_answers.json.")
    qa_to_region_mapping: RawPath | None = Field(
        description="Boxes of questions: qa_to_region_mapping.json; needs regions."
    )

    @model_validator(mode="after")
    def _check(self) -> VisualGenomeSource:
        if self.region_descriptions is None and self.question_answers is None:
            raise ValueError("name region_descriptions, question_answers or both")
        if self.region_descriptions is not None and self.image_data is None:
            raise ValueError("region_descriptions need image_data: boxes are in pixels of its sizes")
        if self.qa_to_region_mapping is not None and self.region_descriptions is None:
            raise ValueError("qa_to_region_mapping needs region_descriptions")
        return self

    @property
    def listed_in(self) -> str:
        """The file that lists the images."""
        return self.image_data or self.question_answers or ""

    def fill(self, annotations: Annotations, root: Path) -> None:
        """Add all regions and questions."""
        images = read_image_data(root, self.image_data, annotations.ledger) if self.image_data else {}
        used: dict[str, None] = {}
        boxes = BoxIndex([], [])
        if self.region_descriptions:
            boxes = read_regions(annotations, root, self.region_descriptions, images, used)
        if self.question_answers:
            mapping: dict[str, int] = {}
            if self.qa_to_region_mapping:
                mapping = read_mapping(root, self.qa_to_region_mapping, annotations.ledger)
            known = images if self.image_data else None
            read_questions(annotations, root, self.question_answers, known, used, mapping, boxes)
        annotations.images = [
            listed_image(annotations, image_id, images.get(image_id, ImageData()), self.listed_in) for image_id in used
        ]


@dataclass(frozen=True)
class ImageData:
    """Size in pixels (0 if unknown), url, and COCO id or an empty string."""

    width: float = 0.0
    height: float = 0.0
    url: str = ""
    coco_id: str = ""


class BoxIndex:
    """Boxes by region id, for millions of regions: sorted ids and one array of boxes."""

    def __init__(self, ids: list[int], boxes: list[list[float]]) -> None:
        order = np.argsort(np.asarray(ids, np.int64), kind="stable")
        self.ids = np.asarray(ids, np.int64)[order]
        self.boxes = np.asarray(boxes, np.float32).reshape(-1, 4)[order]

    def get(self, region_id: int | None) -> list[float] | None:
        """The box of a region, or None."""
        if region_id is None:
            return None
        index = int(np.searchsorted(self.ids, region_id))
        return self.boxes[index].tolist() if index < len(self.ids) and self.ids[index] == region_id else None


def listed_image(annotations: Annotations, image_id: str, data: ImageData, listed_in: str) -> ListedImage:
    """One image; its file name is the end of its url's path where that fits its id."""
    ending = "/".join(data.url.rpartition("?")[2].split("/")[-2:])
    return ListedImage(
        file_name=ending if ending.endswith(f"/{image_id}.jpg") else f"{image_id}.jpg",
        where=f"{listed_in}: image {image_id}",
        url=data.url,
        key=annotations.key(f"{image_id}.jpg"),
        source_image_id=source_image_of(image_id, data),
        box_size=(data.width, data.height),
        any_folder=True,
    )


def source_image_of(image_id: str, data: ImageData) -> str:
    """The `source_image_id` of an image: COCO's id where it has one."""
    return photograph("coco", data.coco_id) if data.coco_id else photograph("vg", image_id)


def read_image_data(root: Path, path: str, ledger: Ledger) -> dict[str, ImageData]:
    """Image data by id; of records with one id the first."""
    reader = RecordReader(path)
    images: dict[str, ImageData] = {}
    for number, record in enumerate(iterate_list(require_file(root, path), path)):
        try:
            image_id = reader.identifier(record, "image_id", "id")
            if image_id in images:
                raise RecordError(REPEATED_ID, path, found=f"image_id {image_id}")
            images[image_id] = ImageData(
                reader.number(record, "width"),
                reader.number(record, "height"),
                reader.url(record, "url"),
                coco_id_of(record, reader),
            )
        except RecordError as error:
            ledger.drop_record(error, number)
    return images


def coco_id_of(record: Any, reader: RecordReader) -> str:
    """The image's id in COCO, or an empty string if it has none. Raises RecordError if it is no id.

    The official file says null or -1 for none. COCO has no image 0; tools fill it in for null.
    """
    value = record.get("coco_id")
    if is_missing(value) or NO_COCO_ID.fullmatch(str(value).strip()):
        return ""
    return reader.identifier(record, "coco_id")


def read_regions(
    annotations: Annotations, root: Path, path: str, images: Mapping[str, ImageData], used: dict[str, None]
) -> BoxIndex:
    """Add every region of the file; returns the boxes by region id."""
    annotations.regions.where = path
    ids: list[int] = []
    boxes: list[list[float]] = []

    def add(key: str, data: ImageData, region: Any, reader: RecordReader) -> None:
        region_id = reader.identifier(region, "region_id", "id")
        sides = [reader.number(region, name) for name in ("x", "y", "width", "height")]
        box = fraction_box(sides[0], sides[1], sides[2], sides[3], data.width, data.height)
        annotations.add_region(key, region_id, box, reader.text(region, "phrase"))
        if box is not None and DECIMAL.fullmatch(region_id):
            ids.append(int(region_id))
            boxes.append(box)

    add_items(annotations, root, path, "regions", images, used, add)
    return BoxIndex(ids, boxes)


def read_questions(
    annotations: Annotations,
    root: Path,
    path: str,
    images: Mapping[str, ImageData] | None,
    used: dict[str, None],
    mapping: Mapping[str, int],
    boxes: BoxIndex,
) -> None:
    """Add every question of the file, with its region's box where the mapping has one."""
    annotations.questions.where = path

    def add(key: str, data: ImageData, item: Any, reader: RecordReader) -> None:
        question_id = reader.identifier(item, "qa_id", "id")
        question, answer = reader.text(item, "question"), reader.text(item, "answer")
        annotations.add_question(key, question_id, question, [answer], boxes.get(mapping.get(question_id)))

    add_items(annotations, root, path, "qas", images, used, add)


def add_items(
    annotations: Annotations,
    root: Path,
    path: str,
    name: str,
    images: Mapping[str, ImageData] | None,
    used: dict[str, None],
    add: Callable[[str, ImageData, Any, RecordReader], None],
) -> None:
    """Call `add` for every item in the lists `name` of a file's records; items that it refuses are dropped.

    The images that have items are put into `used`. `images` None accepts every image id.
    """
    reader = RecordReader(path)
    for number, record in enumerate(iterate_list(require_file(root, path), path)):
        try:
            items = reader.get(record, name, list)
            if not items:
                continue
            image_id = image_of(record, items, reader)
            data = known_data(image_id, images, reader)
        except RecordError as error:
            annotations.ledger.drop_record(error, number)
            continue
        key = annotations.key(f"{image_id}.jpg")
        used[image_id] = None
        for position, item in enumerate(items):
            try:
                add(key, data, item, reader)
            except RecordError as error:
                annotations.ledger.drop_record(error, number, name, position)


def image_of(record: Any, items: list[Any], reader: RecordReader) -> str:
    """The image id of a record: its own, else that of its first item."""
    has_id = "image_id" in record or "id" in record
    return reader.identifier(record, "image_id", "id") if has_id else reader.identifier(items[0], "image_id")


def known_data(image_id: str, images: Mapping[str, ImageData] | None, reader: RecordReader) -> ImageData:
    """The data of an image. Raises RecordError if `image_data` does not list it."""
    if images is None:
        return ImageData()
    if image_id not in images:
        raise RecordError(UNKNOWN_IMAGE, reader.where, "an image that image_data lists", f"image {image_id}")
    return images[image_id]


def read_mapping(root: Path, path: str, ledger: Ledger) -> dict[str, int]:
    """Region id by question id; an entry without a region is dropped, and its question has no box."""
    content, _ = read_object(require_file(root, path), path)
    mapping: dict[str, int] = {}
    for question_id, value in content.items():
        region_id = identifier(value) or ""
        if DECIMAL.fullmatch(region_id):
            mapping[identifier(question_id) or ""] = int(region_id)
        else:
            ledger.drop_record(RecordError(NO_REGION, path, "<question id>: <region id>", shown(value)), question_id)
    return mapping
