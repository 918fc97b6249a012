"""From the tables of pairs and of kept triplets to the texts of each image, shard by shard.

Rows of triplets come in any order; they are sorted by image, in the order of the shard, and stay in their own order
within an image. Written are `<shard>.arrow` (`text_table.py`) and, where wrong answers will be drawn, how often which
answer was given to which kind of question (`wrong_answers/counts.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.alignment.data.synthetic_captions.draw import SyntheticCaptions
from pipeline.alignment.data.text_table import SCHEMA, ImageTexts, write_mapped
from pipeline.alignment.data.wrong_answers.counts import count_answers
from pipeline.execution.step import Shard, Step
from pipeline.tables.table import Column, Table
from pipeline.tables.triplets import KEPT_DC, KEPT_QA

TEXTS, COUNTS = "texts", "answer_counts"
"""The step's outputs."""
PAIRS = Table(
    "pairs of one shard",
    "",
    (Column("key", pa.string(), "The image."), Column("captions", pa.list_(pa.string()), "Its captions.")),
    key=("key",),
)
"""What the manifest says of a shard, in the order of its tar."""


@dataclass
class TextsOfImages(Step):
    """The step.

    composed: whether texts will be made of triplets; counted: whether answers are counted. A shard has the files of its
    PAIRS, which messages call "manifest", and of KEPT_DC and KEPT_QA where its argument lists "dc" and "qa".
    """

    name: ClassVar[str] = "align-texts"

    composed: bool
    counted: bool

    def parameters(self) -> dict[str, Any]:
        """Both flags."""
        return {"composed": self.composed, "counted": self.counted}

    def run(self, shard: Shard, folder: Path) -> None:
        """Write the shard's texts, and counts of its answers."""
        kinds, manifest = shard.argument["files"], shard.argument["manifest"]
        files = dict(zip(kinds, shard.files[1:], strict=True))
        pairs = PAIRS.read(shard.files[0])
        keys = pairs["key"].combine_chunks()
        captions = pairs["captions"].combine_chunks()
        boxes, phrases = rows_of(keys, KEPT_DC, files.get("dc"), ("box", "caption"), manifest)
        questions, answers = rows_of(keys, KEPT_QA, files.get("qa"), ("question", "answer"), manifest)
        columns = [spoken(captions), boxes, phrases, questions, answers]
        described = self._described(pa.record_batch(columns, names=SCHEMA.names[:-1]))
        table = pa.record_batch([*columns, pa.array(described)], schema=SCHEMA)
        write_mapped(folder / TEXTS / f"{shard.name}.arrow", table)
        if self.counted:
            counts = count_answers(questions.flatten(), answers.flatten())
            write_mapped(folder / COUNTS / f"{shard.name}.arrow", *counts)

    def _described(self, table: pa.RecordBatch) -> np.ndarray:
        described = table.column("captions").value_lengths().to_numpy() > 0
        if self.composed:
            for row in np.flatnonzero(~described).tolist():
                texts = ImageTexts(table, row)
                described[row] = SyntheticCaptions(texts.regions, texts.asked).possible()
        return described


def spoken(captions: pa.ListArray) -> pa.ListArray:
    """The captions that are more than blanks."""
    # Python knows more kinds of blanks than Arrow, so what Arrow finds to be one is only a first guess.
    flat = captions.flatten().to_pylist()
    says = np.array([bool(caption.strip()) for caption in flat], dtype=bool)
    ends = np.concatenate([[0], np.cumsum(captions.value_lengths().to_numpy())])
    offsets = np.concatenate([[0], np.cumsum(says)])[ends]
    return listed(offsets, captions.flatten().filter(pa.array(says)))


def rows_of(
    keys: pa.Array, table: Table, path: Path | None, columns: Sequence[str], manifest: str
) -> tuple[pa.ListArray, ...]:
    """Some columns of a table of triplets as lists, one list per key; all empty without a file.

    Raises UserError, naming `manifest` too, if a row's image is not among the keys, or as `Table.read` does.
    """
    if path is None:
        types = [table.schema.field(column).type for column in columns]
        return tuple(listed(np.zeros(len(keys) + 1, np.int64), pa.array([], kind)) for kind in types)
    rows = table.read(path, columns=["key", *columns])
    found = pc.call_function("index_in", [rows["key"].combine_chunks()], pc.SetLookupOptions(keys))
    if found.null_count:
        table.check_images(rows, keys.to_pylist(), path, manifest)
    images = found.to_numpy()
    offsets = np.concatenate([[0], np.cumsum(np.bincount(images, minlength=len(keys)))])
    if (np.diff(images) < 0).any():
        rows = rows.take(pa.array(np.argsort(images, kind="stable")))
    return tuple(listed(offsets, rows[column].combine_chunks()) for column in columns)


def listed(offsets: np.ndarray, values: pa.Array) -> pa.ListArray:
    """Lists of consecutive values."""
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)
