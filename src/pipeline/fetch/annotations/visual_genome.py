"""Visual Genome: region descriptions and question answers (Krishna et al. 2017).

Four files: `image_data.json` (size, url, coco_id), `region_descriptions.json`, `question_answers.json`, and
`qa_to_region_mapping.json`, which gives some questions a region. Known quirks, all accepted: an image's id is
`image_id` or `id`, a region's `region_id` or `id`; boxes may be negative or reach over the border. Images are
named `<id>.jpg`; where the name is not unique, the end of the url's path tells them apart.

Half of the images are COCO's; the COCO id tells which of them another source holds too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.builder import Annotations, AnnotationSource
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.json_stream import RecordReader, iterate_list, read_object
from pipeline.fetch.raw.locations import RawPath, require_file
from pipeline.storage.boxes import fraction_box


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

    def read(self, root: Path) -> Annotations:
        """All regions and questions. Raises UserError for missing or damaged files and for unknown images."""
        annotations = Annotations(self.name)
        images = read_image_data(root, self.image_data) if self.image_data else {}
        used: dict[str, None] = {}
        boxes = BoxIndex([], [])
        if self.region_descriptions:
            boxes = read_regions(annotations, root, self.region_descriptions, images, used)
        if self.question_answers:
            mapping = read_mapping(root, self.qa_to_region_mapping) if self.qa_to_region_mapping else {}
            known = images if self.image_data else None
            read_questions(annotations, root, self.question_answers, known, used, mapping, boxes)
        annotations.images = [
            listed_image(annotations, image_id, images.get(image_id, ImageData()), self.listed_in) for image_id in used
        ]
        return annotations


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
    file_name = ending if ending.endswith(f"/{image_id}.jpg") else f"{image_id}.jpg"
    key = annotations.key(file_name)
    where = f"{listed_in}: image {image_id}"
    return ListedImage(key, file_name, where, url=data.url, source_image_id=source_image_of(image_id, data))


def source_image_of(image_id: str, data: ImageData) -> str:
    """The `source_image_id` of an image: COCO's id where it has one."""
    return f"coco:{data.coco_id}" if data.coco_id else f"vg:{image_id}"


def read_image_data(root: Path, path: str) -> dict[str, ImageData]:
    """Image data by id. Raises UserError if an id comes twice."""
    reader = RecordReader(path)
    images: dict[str, ImageData] = {}
    for record in iterate_list(require_file(root, path), path):
        image_id = reader.identifier(record, "image_id", "id")
        if image_id in images:
            raise UserError("Two images share one id.", where=path, found=f"image_id {image_id}")
        coco_id = record.get("coco_id")
        images[image_id] = ImageData(
            reader.number(record, "width"),
            reader.number(record, "height"),
            record.get("url") or "",
            "" if coco_id is None else str(coco_id),
        )
    return images


def read_regions(
    annotations: Annotations, root: Path, path: str, images: Mapping[str, ImageData], used: dict[str, None]
) -> BoxIndex:
    """Add every region of the file; returns the boxes by region id."""
    reader = RecordReader(path)
    ids: list[int] = []
    boxes: list[list[float]] = []
    for record in iterate_list(require_file(root, path), path):
        regions = reader.get(record, "regions", list)
        if not regions:
            continue
        image_id = image_of(record, regions, reader)
        data = known_data(image_id, images, reader)
        key = annotations.key(f"{image_id}.jpg")
        used[image_id] = None
        for region in regions:
            region_id = reader.identifier(region, "region_id", "id")
            sides = [reader.number(region, name) for name in ("x", "y", "width", "height")]
            box = fraction_box(sides[0], sides[1], sides[2], sides[3], data.width, data.height)
            annotations.add_region(key, region_id, box, reader.get(region, "phrase", str))
            if box is not None and region_id.isdecimal():
                ids.append(int(region_id))
                boxes.append(box)
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
    """Add every question of the file, with its region's box where the mapping has one.

    `images` None accepts every image id.
    """
    reader = RecordReader(path)
    for record in iterate_list(require_file(root, path), path):
        questions = reader.get(record, "qas", list)
        if not questions:
            continue
        image_id = image_of(record, questions, reader)
        if images is not None:
            known_data(image_id, images, reader)
        key = annotations.key(f"{image_id}.jpg")
        used[image_id] = None
        for item in questions:
            question_id = reader.identifier(item, "qa_id", "id")
            answers = [reader.get(item, "answer", str)]
            box = boxes.get(mapping.get(question_id))
            annotations.add_question(key, question_id, reader.get(item, "question", str), answers, box)


def image_of(record: Any, items: list[Any], reader: RecordReader) -> str:
    """The image id of a record: its own, else that of its first item."""
    has_id = isinstance(record, Mapping) and ("image_id" in record or "id" in record)
    return reader.identifier(record, "image_id", "id") if has_id else reader.identifier(items[0], "image_id")


def known_data(image_id: str, images: Mapping[str, ImageData], reader: RecordReader) -> ImageData:
    """The data of an image. Raises UserError if `image_data` does not list it."""
    if image_id not in images:
        raise UserError(
            "Annotations refer to an image that image_data does not list.",
            where=reader.where,
            found=f"image {image_id}",
            fix="use files of one release of Visual Genome",
        )
    return images[image_id]


def read_mapping(root: Path, path: str) -> dict[str, int]:
    """Region id by question id. Raises UserError for values that are not numbers."""
    content, reader = read_object(require_file(root, path), path)
    return {question_id: reader.get({"region_id": value}, "region_id", int) for question_id, value in content.items()}
