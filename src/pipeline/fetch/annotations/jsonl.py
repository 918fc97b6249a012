"""Questions in plain JSON lines: `{"question_id"?, "image", "question", "answers": [..] or "answer",
"url"?}`.

The layout for DAQUAR (Malinowski and Fritz 2014) and for your own questions. Without `question_id` the number of
the line is the id.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.fetch.annotations.builder import Annotations, AnnotationSource
from pipeline.fetch.packing.dropped import BAD_LINE
from pipeline.fetch.packing.hash_share import HashShare, in_share
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.locations import RawPath, require_file
from pipeline.fetch.raw.records import RecordError, RecordReader


class JsonlSource(AnnotationSource):
    """Questions in JSON lines, such as DAQUAR's or your own."""

    kind: Literal["jsonl"]
    questions: RawPath = Field(description="Questions: one JSON object per line.")
    underscore_is_space: bool = Field(
        default=False, description="Read underscores in answers as spaces (DAQUAR writes tape_dispenser)."
    )
    share: HashShare = Field(default=[0.0, 1.0])

    @property
    def listed_in(self) -> str:
        """The file that lists the images."""
        return self.questions

    def fill(self, annotations: Annotations, root: Path) -> None:
        """Add all questions."""
        images: dict[str, ListedImage] = {}
        annotations.questions.where = self.questions
        reader = RecordReader(self.questions)
        with require_file(root, self.questions).open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                try:
                    self.add_line(annotations, line, number, reader, images)
                except RecordError as error:
                    annotations.ledger.drop_record(error, f"line {number}")
        annotations.images = list(images.values())

    def add_line(
        self, annotations: Annotations, line: bytes, number: int, reader: RecordReader, images: dict[str, ListedImage]
    ) -> None:
        """Add the question of one line, if its image lies in the share. Raises RecordError if it cannot be used."""
        record = parse(line, reader, number)
        name, question = reader.text(record, "image"), reader.text(record, "question")
        if not in_share(name, self.share):
            return
        question_id = reader.identifier(record, "question_id") if "question_id" in record else str(number)
        answers = answers_of(record, reader)
        if self.underscore_is_space:
            answers = [answer.replace("_", " ") for answer in answers]
        key = annotations.key(name)
        if name not in images:
            where = f"{self.questions}, line {number}"
            images[name] = ListedImage(name, where, url=reader.url(record, "url"), key=key, source_image_id=key)
        annotations.add_question(key, question_id, question, answers)


def parse(line: bytes, reader: RecordReader, number: int) -> Any:
    """One line as an object. Raises RecordError if it is not one."""
    try:
        record = json.loads(line.removeprefix(BOM_UTF8) if number == 1 else line)
    except (ValueError, RecursionError) as error:
        raise RecordError(BAD_LINE, reader.where, "a JSON object", str(error)) from None
    return reader.mapping(record)


def answers_of(record: Any, reader: RecordReader) -> list[str]:
    """The record's answers: its list, or its one answer."""
    if "answers" not in record:
        return [reader.text(record, "answer")]
    return [reader.text({"answer": item}, "answer") for item in reader.get(record, "answers", list)]
