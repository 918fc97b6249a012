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
from pipeline.fetch.raw.json_stream import RecordReader, iterate_object
from pipeline.fetch.raw.locations import RawPath, require_file


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

    def read(self, root: Path) -> Annotations:
        """All questions. Raises UserError for missing or damaged files."""
        annotations = Annotations(self.name)
        known = read_image_data(root, self.image_data) if self.image_data else {}
        images: dict[str, ListedImage] = {}
        for path in question_files(root, self.questions):
            reader = RecordReader(path)
            for question_id, record in iterate_object(require_file(root, path), path):
                image_id = reader.identifier(record, "imageId")
                if image_id not in images:
                    data = known.get(image_id, ImageData())
                    name, where = f"{image_id}.jpg", f"{path}: image {image_id}"
                    source_image_id = source_image_of(image_id, data)
                    images[image_id] = ListedImage(
                        annotations.key(name), name, where, url=data.url, source_image_id=source_image_id
                    )
                question, answer = (reader.get(record, name, str) for name in ("question", "answer"))
                annotations.add_question(images[image_id].key, question_id, question, [answer])
        annotations.images = list(images.values())
        return annotations


def question_files(root: Path, path: str) -> Iterator[str]:
    """The file itself, or the .json files of the folder."""
    if not (root / path).is_dir():
        yield path
    for file in sorted((root / path).glob("*.json")):
        yield f"{path}/{file.name}"
