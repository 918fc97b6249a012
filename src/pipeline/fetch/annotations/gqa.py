"""GQA (Hudson and Manning 2019): compositional questions with one answer each, about Visual Genome's images.

`{"<question id>": {"imageId", "question", "answer", …}}`, in one file (`train_balanced_questions.json`) or in the
files of a folder (`train_all_questions/`). Images are named `<imageId>.jpg`. An `imageId` is Visual Genome's, so
the source image is the one that Visual Genome's reader names, given the same `image_data.json`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.fetch.annotations.builder import Annotations, AnnotationSource
from pipeline.fetch.annotations.visual_genome import ImageData, read_image_data, source_image_of
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.json_stream import iterate_object
from pipeline.fetch.raw.locations import RawPath, require_file
from pipeline.fetch.raw.records import RecordError, RecordReader


class GqaSource(AnnotationSource):
    """GQA: questions without boxes, as JADE uses them."""

    kind: Literal["gqa"]
    questions: RawPath = Field(
        description="Questions: train_balanced_questions.json, or the folder train_all_questions."
    )
    image_data: RawPath | None = Field(
        description="Visual Genome's image_data.json: keeps COCO's images in one split; or null."
    )

    @property
    def listed_in(self) -> str:
        """The file that lists the images."""
        return self.questions

    def fill(self, annotations: Annotations, root: Path) -> None:
        """Add all questions."""
        known = read_image_data(root, self.image_data, annotations.ledger) if self.image_data else {}
        images: dict[str, ListedImage] = {}
        annotations.questions.where = self.questions
        for path in question_files(root, self.questions):
            reader = RecordReader(path)
            for number, record in iterate_object(require_file(root, path), path):
                try:
                    question_id = reader.identifier({"question id": number}, "question id")
                    image_id = reader.identifier(record, "imageId")
                    question, answer = (reader.text(record, name) for name in ("question", "answer"))
                except RecordError as error:
                    annotations.ledger.drop_record(error, number)
                    continue
                if image_id not in images:
                    images[image_id] = image_of(annotations, image_id, known.get(image_id, ImageData()), path)
                annotations.add_question(images[image_id].key, question_id, question, [answer])
        annotations.images = list(images.values())


def image_of(annotations: Annotations, image_id: str, data: ImageData, path: str) -> ListedImage:
    """An image by its id in Visual Genome."""
    name = f"{image_id}.jpg"
    key, where = annotations.key(name), f"{path}: image {image_id}"
    return ListedImage(name, where, url=data.url, key=key, source_image_id=source_image_of(image_id, data))


def question_files(root: Path, path: str) -> Iterator[str]:
    """The file itself, or the .json files of the folder."""
    if not (root / path).is_dir():
        yield path
    for file in sorted((root / path).glob("*.json")):
        yield f"{path}/{file.name}"
