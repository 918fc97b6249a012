"""What every reader of annotations returns, and how its long tables are collected.

A reader turns one source's official files into listed images, and rows of regions and questions that refer to
them by key. Rows are collected in Arrow chunks, since Visual
Genome has 5.4 million regions: as Python objects they would take gigabytes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.fetch.packing.dropped import REPEATED_ID, Ledger
from pipeline.fetch.packing.keys import file_key, file_keys
from pipeline.fetch.packing.source import ImageSource, ListedImage
from pipeline.fetch.raw.texts import LONGEST_TEXT, clean_text
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.questions import answer_type, majority, question_type

NO_PHRASE = "no phrase"
NO_QUESTION = "no question"
NO_ANSWER = "no answer"
TEXT_TOO_LONG = "text too long"
OUTSIDE = "box outside the image"
CROWD = "box of a crowd"


@dataclass
class Rows:
    """Rows of a table, kept as Arrow chunks of 50,000. `where` is the file that they come from, for messages."""

    schema: pa.Schema
    chunks: list[pa.RecordBatch] = field(default_factory=list)
    waiting: list[Mapping[str, Any]] = field(default_factory=list)
    where: str = ""

    def add(self, row: Mapping[str, Any]) -> None:
        """Append one row."""
        self.waiting.append(row)
        if len(self.waiting) >= 50_000:
            self._pack()

    def table(self) -> pa.Table:
        """All rows."""
        self._pack()
        return pa.Table.from_batches(self.chunks, schema=self.schema)

    def rename_keys(self, names: Mapping[str, str]) -> None:
        """Give the images of `names` their new keys."""
        table = self.table()
        column = pa.array([names.get(key, key) for key in table["key"].to_pylist()], pa.string())
        self.chunks = table.set_column(table.schema.get_field_index("key"), "key", column).to_batches()

    def move(self, keys: Mapping[str, str], id_column: str, prefix: str) -> None:
        """Give rows about the images of `keys` their new keys, and put `prefix` before their ids."""
        table = self.table()
        rows = zip(table["key"].to_pylist(), table[id_column].to_pylist(), strict=True)
        ids = [f"{prefix}{name}" if key in keys else name for key, name in rows]
        table = table.set_column(table.schema.get_field_index(id_column), id_column, pa.array(ids, pa.string()))
        self.chunks = table.to_batches()
        self.rename_keys(keys)

    def take_repeated(self, *columns: str) -> list[Mapping[str, Any]]:
        """Keep the first of all rows that are equal in `columns`; returns these columns of the others."""
        table = self.table()
        numbered = table.select(columns).append_column("row", pa.array(np.arange(table.num_rows)))
        first = numbered.group_by(list(columns)).aggregate([("row", "min")])["row_min"].to_numpy()
        if len(first) == table.num_rows:
            return []
        kept = np.zeros(table.num_rows, bool)
        kept[first] = True
        self.chunks = table.filter(pa.array(kept)).to_batches()
        return table.select(columns).filter(pa.array(~kept)).to_pylist()

    def _pack(self) -> None:
        if self.waiting:
            self.chunks.append(pa.RecordBatch.from_pylist(self.waiting, schema=self.schema))
            self.waiting = []


@dataclass
class Annotations:
    """The images, regions and questions of one source; the split is filled in later, what is left out is in `ledger`.

    A name's key is only known when all names are. Until `finish`, rows and images have provisional keys.
    """

    ledger: Ledger
    images: list[ListedImage] = field(default_factory=list)
    regions: Rows = field(default_factory=lambda: Rows(REGIONS.schema))
    questions: Rows = field(default_factory=lambda: Rows(QUESTIONS.schema))
    provisional: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    @property
    def source(self) -> str:
        """The source's name."""
        return self.ledger.source

    @property
    def dropped(self) -> list[Mapping[str, Any]]:
        """Rows of the table of dropped items."""
        return self.ledger.rows

    def key(self, file_name: str) -> str:
        """The provisional key of an image of this source by its file name."""
        if file_name not in self.provisional:
            key = file_key(self.source, file_name)
            self.provisional[file_name] = f"{key}#{len(self.taken)}" if key in self.taken else key
            self.taken.add(key)
        return self.provisional[file_name]

    def finish(self) -> None:
        """Give all images their final keys, and drop rows whose id comes twice about one image."""
        final = file_keys(self.source, self.provisional)
        names = {key: final[name] for name, key in self.provisional.items() if final[name] != key}
        if names:
            self.images = [
                replace(
                    image,
                    key=names.get(image.key, image.key),
                    source_image_id=names.get(image.source_image_id, image.source_image_id),
                )
                for image in self.images
            ]
            self.regions.rename_keys(names)
            self.questions.rename_keys(names)
        for kind, rows in (("region", self.regions), ("question", self.questions)):
            for row in rows.take_repeated("key", f"{kind}_id"):
                item = f"{row['key']}/{kind}/{row[f'{kind}_id']}"
                self.ledger.drop(item, REPEATED_ID, example=f"{rows.where}: {item}")

    def move(self, keys: Mapping[str, str]) -> None:
        """Move all rows about some images to the keys that another source gave the same images."""
        if keys:
            self.images = [replace(image, key=keys.get(image.key, image.key)) for image in self.images]
            self.regions.move(keys, "region_id", f"{self.source}-")
            self.questions.move(keys, "question_id", f"{self.source}-")

    def add_region(self, key: str, region_id: str, box: Sequence[float] | None, phrase: str) -> None:
        """Add a region, or drop it if it has no box, no phrase, or one that is too long."""
        phrase = clean_text(phrase)
        if box is None or not phrase or len(phrase) > LONGEST_TEXT:
            reason = OUTSIDE if box is None else TEXT_TOO_LONG if phrase else NO_PHRASE
            self.drop(f"{key}/region/{region_id}", reason)
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
        question = clean_text(question)
        answers = [text for text in map(clean_text, answers) if text]
        if not question or not answers:
            self.drop(f"{key}/question/{question_id}", NO_ANSWER if question else NO_QUESTION)
            return
        if max(len(text) for text in (question, *answers)) > LONGEST_TEXT:
            self.drop(f"{key}/question/{question_id}", TEXT_TOO_LONG)
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
        """Record an item that is sound but cannot be used, with the reason."""
        self.ledger.drop(key, reason)


class AnnotationSource(ImageSource):
    """Regions, questions or both, about images that the source's files list."""

    def read(self, root: Path, ledger: Ledger) -> Annotations:
        """All annotations; records that cannot be used go to the ledger.

        Raises UserError for missing or damaged files.
        """
        annotations = Annotations(ledger)
        self.fill(annotations, root)
        annotations.finish()
        return annotations

    @abstractmethod
    def fill(self, annotations: Annotations, root: Path) -> None:
        """Read the source's files into `annotations`."""
