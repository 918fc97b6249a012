"""Questions in plain JSON lines: `{"question_id"?, "image", "question", "answers": [..] or "answer",
"url"?}`.

The layout for DAQUAR (Malinowski and Fritz 2014) and for your own questions. Without `question_id` the number of
the line is the id.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.builder import Annotations, AnnotationSource
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.json_stream import RecordReader
from pipeline.fetch.raw.locations import RawPath, require_file


class JsonlSource(AnnotationSource):
    """Questions in JSON lines, such as DAQUAR's or your own."""

    kind: Literal["jsonl"]
    questions: RawPath = Field(description="Questions: one JSON object per line.")
    underscore_is_space: bool = Field(
        default=False, description="Read underscores in answers as spaces (DAQUAR writes tape_dispenser)."
    )

    @property
    def listed_in(self) -> str:
        """The file that lists the images."""
        return self.questions

    def read(self, root: Path) -> Annotations:
        """All questions. Raises UserError naming the line that is not as expected."""
        annotations = Annotations(self.name)
        images: dict[str, ListedImage] = {}
        with require_file(root, self.questions).open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                reader = RecordReader(f"{self.questions}, line {number}")
                record = parse(line, reader)
                name = reader.get(record, "image", str)
                key = annotations.key(name)
                if name not in images:
                    images[name] = ListedImage(
                        key, name, reader.where, url=record.get("url") or "", source_image_id=key
                    )
                question_id = reader.identifier(record, "question_id") if "question_id" in record else str(number)
                answers = answers_of(record, reader)
                if self.underscore_is_space:
                    answers = [answer.replace("_", " ") for answer in answers]
                annotations.add_question(key, question_id, reader.get(record, "question", str), answers)
        annotations.images = list(images.values())
        return annotations


def parse(line: bytes, reader: RecordReader) -> Any:
    """One line as an object. Raises UserError if it is not one."""
    try:
        record = json.loads(line)
    except ValueError as error:
        raise UserError("A line is not valid JSON.", where=reader.where, found=str(error)) from None
    reader.get({"line": record}, "line", dict)
    return record


def answers_of(record: Any, reader: RecordReader) -> list[str]:
    """The record's answers: its list, or its one answer."""
    if "answers" not in record:
        return [reader.get(record, "answer", str)]
    return [reader.get({"answer": item}, "answer", str) for item in reader.get(record, "answers", list)]
