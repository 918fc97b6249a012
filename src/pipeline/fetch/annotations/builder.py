"""What every reader of annotations returns, and how its long tables are collected.

A reader turns one source's official files into listed images, and rows of regions and questions that refer to
them by key. Rows are collected in Arrow chunks, since Visual
Genome has 5.4 million regions: as Python objects they would take gigabytes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.fetch.packing.dropped import dropped_row
from pipeline.fetch.packing.keys import file_key
from pipeline.fetch.packing.source import ImageSource, ListedImage
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.questions import answer_type, majority, question_type

NO_PHRASE = "no phrase"
NO_QUESTION = "no question"
NO_ANSWER = "no answer"
OUTSIDE = "box outside the image"
CROWD = "box of a crowd"


@dataclass
class Rows:
    """Rows of a table, kept as Arrow chunks of 50,000."""

    schema: pa.Schema
    chunks: list[pa.RecordBatch] = field(default_factory=list)
    waiting: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, row: Mapping[str, Any]) -> None:
        """Append one row."""
        self.waiting.append(row)
        if len(self.waiting) >= 50_000:
            self._pack()

    def table(self) -> pa.Table:
        """All rows."""
        self._pack()
        return pa.Table.from_batches(self.chunks, schema=self.schema)

    def _pack(self) -> None:
        if self.waiting:
            self.chunks.append(pa.RecordBatch.from_pylist(self.waiting, schema=self.schema))
            self.waiting = []


@dataclass
class Annotations:
    """The images, regions, questions and dropped items of one source; the split is filled in later."""

    source: str
    images: list[ListedImage] = field(default_factory=list)
    regions: Rows = field(default_factory=lambda: Rows(REGIONS.schema))
    questions: Rows = field(default_factory=lambda: Rows(QUESTIONS.schema))
    dropped: list[Mapping[str, Any]] = field(default_factory=list)

    def key(self, file_name: str) -> str:
        """The key of an image of this source by its file name."""
        return file_key(self.source, file_name)

    def add_region(self, key: str, region_id: str, box: Sequence[float] | None, phrase: str) -> None:
        """Add a region, or drop it if it has no box or no phrase."""
        phrase = " ".join(phrase.split())
        if box is None or not phrase:
            self.drop(f"{key}/region/{region_id}", NO_PHRASE if box is not None else OUTSIDE)
            return
        self.regions.add(
            {
                "key": key,
                "region_id": region_id,
                "box": box,
                "phrase": phrase,
                "source": self.source,
                "split": "",
            }
        )

    def add_question(
        self,
        key: str,
        question_id: str,
        question: str,
        answers: Sequence[str],
        box: Sequence[float] | None = None,
        official_type: str = "",
    ) -> None:
        """Add a question with its answers (`official_type`: the answer type, if the source gives it), or drop it."""
        question = " ".join(question.split())
        answers = [text for text in (" ".join(answer.split()) for answer in answers) if text]
        if not question or not answers:
            self.drop(f"{key}/question/{question_id}", NO_ANSWER if question else NO_QUESTION)
            return
        majority_answer = majority(answers)
        self.questions.add(
            {
                "key": key,
                "question_id": question_id,
                "box": box,
                "question": question,
                "answers": answers,
                "question_type": question_type(question, majority_answer),
                "answer_type": official_type or answer_type(majority_answer),
                "source": self.source,
                "split": "",
            }
        )

    def drop(self, key: str, reason: str) -> None:
        """Record an item that cannot be used, with the reason."""
        self.dropped.append(dropped_row(self.source, key, "", reason))


class AnnotationSource(ImageSource):
    """Regions, questions or both, about images that the source's files list."""

    @abstractmethod
    def read(self, root: Path) -> Annotations:
        """All annotations. Raises UserError for missing or damaged files."""
