"""VQAv2 (Goyal et al. 2017): questions, and ten annotators' answers to each.

`{"data_subtype": "train2014", "questions": [{"image_id", "question", "question_id"}]}` and `{"annotations":
[{"question_id", "image_id", "answers": [{"answer"}×10], "answer_type", "multiple_choice_answer"}]}`. Small
samples of the annotations lack `image_id` and the last two fields; the types are then derived. An image's file is
`COCO_<subtype>_<id, 12 digits>.jpg`, or what COCO's image list names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.builder import Annotations, AnnotationSource
from pipeline.fetch.captions.coco import image_url, images_by_id
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.json_stream import RecordReader, read_object
from pipeline.fetch.raw.locations import RawPath, require_file


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

    def read(self, root: Path) -> Annotations:
        """All questions with their answers. Raises UserError where the two files do not fit each other."""
        content, reader = read_object(require_file(root, self.questions), self.questions)
        answered, answer_reader = read_object(require_file(root, self.annotations), self.annotations)
        by_question = answers_by_question(answered, answer_reader)
        infos: dict[str, Any] = {}
        if self.image_info:
            infos = images_by_id(*read_object(require_file(root, self.image_info), self.image_info))
        annotations = Annotations(self.name)
        images: dict[str, ListedImage] = {}
        for record in reader.get(content, "questions", list):
            image_id = reader.identifier(record, "image_id")
            if image_id not in images:
                images[image_id] = image_of(annotations, image_id, content, reader, infos, self.image_info)
            question_id = reader.identifier(record, "question_id")
            answer = by_question.get(question_id)
            if answer is None or str(answer.get("image_id", image_id)) != image_id:
                raise mismatch(self, question_id)
            annotations.add_question(
                images[image_id].key,
                question_id,
                reader.get(record, "question", str),
                [answer_reader.get(item, "answer", str) for item in answer_reader.get(answer, "answers", list)],
                official_type=answer.get("answer_type") or "",
            )
        annotations.images = list(images.values())
        return annotations


def answers_by_question(content: Any, reader: RecordReader) -> dict[str, Any]:
    """The records of `annotations` by question id."""
    return {reader.identifier(item, "question_id"): item for item in reader.get(content, "annotations", list)}


def image_of(
    annotations: Annotations,
    image_id: str,
    content: Any,
    reader: RecordReader,
    infos: dict[str, Any],
    info_file: str | None,
) -> ListedImage:
    """File name and url of an image, from COCO's list or by VQAv2's rule."""
    where = f"{reader.where}: image {image_id}"
    if info_file is None:
        subtype = reader.get(content, "data_subtype", str)
        file_name, url = f"COCO_{subtype}_{int(image_id):012d}.jpg", ""
    elif image_id in infos:
        file_name = RecordReader(info_file).get(infos[image_id], "file_name", str)
        url = image_url(infos[image_id])
    else:
        raise UserError(
            "A question's image is not in the image list.",
            where=f"{reader.where} and {info_file}",
            found=f"image {image_id}",
            fix="name the image list of the same COCO split",
        )
    source_image_id = f"coco:{int(image_id)}"
    return ListedImage(annotations.key(file_name), file_name, where, url=url, source_image_id=source_image_id)


def mismatch(source: Vqav2Source, question_id: str) -> UserError:
    """The error for a question whose answers are missing or belong to another image."""
    return UserError(
        "Questions and annotations do not fit each other.",
        where=f"{source.questions} and {source.annotations}",
        expected="answers to every question, about the same image",
        found=f"question {question_id}",
        fix="use both files of one split",
    )
