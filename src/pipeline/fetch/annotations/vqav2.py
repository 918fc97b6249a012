"""VQAv2 (Goyal et al. 2017): questions, and ten annotators' answers to each.

`{"data_subtype": "train2014", "questions": [{"image_id", "question", "question_id"}]}` and `{"annotations":
[{"question_id", "image_id", "answers": [{"answer"}×10], "answer_type", "multiple_choice_answer"}]}`. Small
samples of the annotations lack `image_id` and the last two fields; the types are then derived. An image's file is
`COCO_<subtype>_<id, 12 digits>.jpg`, or what COCO's image list names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.fetch.annotations.builder import Annotations, AnnotationSource
from pipeline.fetch.captions.coco import image_url, images_by_id, known_image
from pipeline.fetch.packing.dropped import NO_MATCH, Ledger
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.json_stream import read_object
from pipeline.fetch.raw.locations import RawPath, require_file
from pipeline.fetch.raw.records import DECIMAL, RecordError, RecordReader, photograph


class Vqav2Source(AnnotationSource):
    """VQAv2: questions of one split, with ten answers each."""

    kind: Literal["vqav2"]
    questions: RawPath = Field(description="Questions: v2_OpenEnded_mscoco_train2014_questions.json.")
    annotations: RawPath = Field(description="Answers: v2_mscoco_train2014_annotations.json.")
    image_info: RawPath | None = Field(
        default=None, description="File names and urls: a COCO file with `images`; null: names by COCO's rule."
    )

    @property
    def listed_in(self) -> str:
        """The file that lists the images."""
        return self.questions

    def fill(self, annotations: Annotations, root: Path) -> None:
        """Add all questions with their answers; a question whose answers are missing is dropped."""
        content, reader = read_object(require_file(root, self.questions), self.questions)
        answered, answer_reader = read_object(require_file(root, self.annotations), self.annotations)
        answers = answers_by_question(answered, answer_reader, annotations.ledger)
        names = self.image_names(content, reader, root, annotations.ledger)
        images: dict[str, ListedImage] = {}
        annotations.questions.where = self.questions
        for number, record in enumerate(reader.get(content, "questions", list)):
            try:
                image_id, question_id = (reader.identifier(record, name) for name in ("image_id", "question_id"))
                texts, official_type = answers_of(question_id, image_id, answers, answer_reader)
                question = reader.text(record, "question")
                if image_id not in images:
                    images[image_id] = image_of(annotations, image_id, names, reader)
            except RecordError as error:
                annotations.ledger.drop_record(error, "questions", number)
                continue
            annotations.add_question(images[image_id].key, question_id, question, texts, official_type=official_type)
        annotations.images = list(images.values())

    def image_names(self, content: Any, reader: RecordReader, root: Path, ledger: Ledger) -> ImageNames:
        """File name and url of an image by its id."""
        if self.image_info is None:
            subtype = reader.text(content, "data_subtype")
            return lambda image_id: (f"COCO_{subtype}_{coco_number(image_id, reader):012d}.jpg", "")
        content, info_reader = read_object(require_file(root, self.image_info), self.image_info)
        infos = images_by_id(content, info_reader, ledger)

        def listed(image_id: str) -> tuple[str, str]:
            info = infos[known_image({"image_id": image_id}, infos, info_reader)]
            return info_reader.text(info, "file_name"), image_url(info, info_reader)

        return listed


ImageNames = Callable[[str], tuple[str, str]]


def answers_by_question(content: Any, reader: RecordReader, ledger: Ledger) -> dict[str, Any]:
    """The records of `annotations` by question id."""
    answers: dict[str, Any] = {}
    for number, item in enumerate(reader.get(content, "annotations", list)):
        try:
            answers[reader.identifier(item, "question_id")] = item
        except RecordError as error:
            ledger.drop_record(error, "annotations", number)
    return answers


def answers_of(
    question_id: str, image_id: str, answers: Mapping[str, Any], reader: RecordReader
) -> tuple[list[str], str]:
    """The answers to a question and their official type, or an empty string.

    Raises RecordError if there are none, they belong to another image, or their record cannot be used.
    """
    record = answers.get(question_id)
    about = reader.identifier(record, "image_id") if record is not None and "image_id" in record else image_id
    if record is None or photograph("coco", about) != photograph("coco", image_id):
        found = f"question {question_id}" + (f" is about image {about} there" if about != image_id else "")
        raise RecordError(NO_MATCH, reader.where, f"answers about image {image_id}", found)
    texts = [reader.text(item, "answer") for item in reader.get(record, "answers", list)]
    return texts, reader.optional_text(record, "answer_type")


def coco_number(image_id: str, reader: RecordReader) -> int:
    """The number of a COCO image. Raises RecordError if the id is none."""
    if not DECIMAL.fullmatch(image_id):
        raise reader.error({"image_id": image_id}, "image_id", "the number of a COCO image")
    return int(image_id)


def image_of(annotations: Annotations, image_id: str, names: ImageNames, reader: RecordReader) -> ListedImage:
    """An image by its id. Raises RecordError if it has no file name."""
    file_name, url = names(image_id)
    where, source_image_id = f"{reader.where}: image {image_id}", photograph("coco", image_id)
    return ListedImage(file_name, where, url=url, key=annotations.key(file_name), source_image_id=source_image_id)
