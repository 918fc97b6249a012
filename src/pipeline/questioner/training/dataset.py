"""Annotated images as training samples: word pieces in flat arrays, grouped by image.

A question's caption (which the pair prompt shows) is the phrase of the first region of its image with the same box; a
question without a box has the full image's. Every annotator's answer is one entry, so that drawing an entry draws an
answer as often as it was given. What is longer than the limits is left out and counted.

Visual Genome has 5.4 million regions: pieces lie in flat int32 arrays, texts stay in Arrow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.errors import UserError
from pipeline.questioner.model.prompts import Prompts
from pipeline.storage.boxes import FULL_IMAGE
from pipeline.storage.shards import ImageShards
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.questions import plain_text, prompt_type


@dataclass(frozen=True)
class Ragged:
    """Rows of whole numbers of different lengths, one after the other."""

    values: np.ndarray
    offsets: np.ndarray

    @staticmethod
    def of(rows: Sequence[Sequence[int]]) -> "Ragged":
        """Pack lists."""
        lengths = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
        values = np.fromiter((value for row in rows for value in row), dtype=np.int32, count=int(lengths.sum()))
        return Ragged(values, np.concatenate([[0], lengths.cumsum()]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> list[int]:
        return self.values[self.offsets[row] : self.offsets[row + 1]].tolist()


@dataclass(frozen=True)
class RegionSet:
    """Regions in the order of their images: `first[i]` … `first[i + 1]` are those of image i."""

    first: np.ndarray
    boxes: np.ndarray
    phrases: Ragged
    table: pa.Table


@dataclass(frozen=True)
class QuestionSet:
    """Questions in the order of their images (`first` as for regions).

    `captions[q]` is the row of `phrases` that describes the question's region, -1 for none; entries
    `answer_first[q]` … `answer_first[q + 1]` of `answers` are the answers to q, each with its prompt type.
    """

    first: np.ndarray
    boxes: np.ndarray
    pieces: Ragged
    captions: np.ndarray
    phrases: Ragged
    answers: Ragged
    answer_first: np.ndarray
    types: list[str]
    table: pa.Table


@dataclass(frozen=True)
class Samples:
    """One split of `data/annotations/`: its images with questions and regions, and what was too long."""

    keys: list[str]
    sources: list[str]
    questions: QuestionSet
    regions: RegionSet
    too_long: dict[str, int]


@dataclass(frozen=True)
class Limits:
    """Longest texts in word pieces."""

    target: int
    answer: int


def read_samples(folder: Path, shards: ImageShards, split: str, prompts: Prompts, limits: Limits) -> Samples:
    """The samples of a split (`train`, `val`) of `data/annotations/`.

    Raises UserError if a table names an image that the manifest lacks.
    """
    manifest = shards.manifest.filter(pc.field("split") == split)
    number = {key: index for index, key in enumerate(manifest["key"].to_pylist())}
    regions, long_regions = read_regions(
        by_image(REGIONS.read(folder / "regions.parquet"), split, number, folder), len(number), prompts, limits
    )
    questions, long_questions = read_questions(
        by_image(QUESTIONS.read(folder / "questions.parquet"), split, number, folder),
        len(number),
        regions,
        prompts,
        limits,
    )
    sources = source_of_images(len(number), (questions.table, questions.first), (regions.table, regions.first))
    return Samples(list(number), sources, questions, regions, {"regions": long_regions, "questions": long_questions})


def by_image(table: pa.Table, split: str, number: dict[str, int], folder: Path) -> pa.Table:
    """Rows of a split in the order of their images, with a column `image` of their numbers."""
    table = table.filter(pc.field("split") == split)
    images = [number.get(key, -1) for key in table["key"].to_pylist()]
    if -1 in images:
        raise UserError(
            "A table of annotations names an image that is not there.",
            where=f"{folder}: regions.parquet, questions.parquet and manifest.parquet",
            found=f"key {table['key'][images.index(-1)].as_py()!r} of split {split}",
            fix="run `dvc repro fetch_annotations`",
        )
    column = np.asarray(images, dtype=np.int64)
    return table.append_column("image", pa.array(column)).take(np.argsort(column, kind="stable"))


def read_regions(table: pa.Table, images: int, prompts: Prompts, limits: Limits) -> tuple[RegionSet, int]:
    """Regions of a table sorted by image, and the number of those that are too long or empty."""
    pieces = prompts.pieces(table["phrase"].to_pylist())
    fits = np.array([0 < len(row) <= limits.target for row in pieces], dtype=bool)
    kept = [row for row, fit in zip(pieces, fits, strict=True) if fit]
    table = table.filter(pa.array(fits))
    found = RegionSet(firsts(table, images), boxes_of(table), Ragged.of(kept), table)
    return found, int((~fits).sum())


def read_questions(
    table: pa.Table, images: int, regions: RegionSet, prompts: Prompts, limits: Limits
) -> tuple[QuestionSet, int]:
    """Questions of a table sorted by image, and the number of those left out: too long with every answer."""
    texts = table["question"].to_pylist()
    pieces = prompts.pieces(texts)
    given = table["answers"].to_pylist()
    flat = prompts.pieces([answer for answers in given for answer in answers])
    answers: list[list[int]] = []
    types: list[str] = []
    counts: list[int] = []
    fits = np.zeros(len(texts), dtype=bool)
    entry = 0
    for row, (question, found) in enumerate(zip(pieces, given, strict=True)):
        before = len(answers)
        for answer in found:
            if 0 < len(flat[entry]) <= min(limits.answer, limits.target - 1 - len(question)):
                answers.append(flat[entry])
                types.append(prompt_type(texts[row], plain_text(answer)))
            entry += 1
        fits[row] = len(answers) > before and len(question) > 0
        if fits[row]:
            counts.append(len(answers) - before)
        else:
            del answers[before:], types[before:]
    kept = [row for row, fit in zip(pieces, fits, strict=True) if fit]
    table = table.filter(pa.array(fits))
    captions = captions_of(table, regions)
    first = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    found_set = QuestionSet(
        firsts(table, images),
        boxes_of(table),
        Ragged.of(kept),
        captions,
        regions.phrases,
        Ragged.of(answers),
        first,
        types,
        table,
    )
    return found_set, int((~fits).sum())


def captions_of(table: pa.Table, regions: RegionSet) -> np.ndarray:
    """For each question the first region of its image with the same box, or -1."""
    boxes = boxes_of(table)
    images = table["image"].to_numpy()
    region_images = regions.table["image"].to_numpy()
    index: dict[tuple[int, bytes], int] = {}
    for row in range(len(regions.boxes)):
        index.setdefault((int(region_images[row]), regions.boxes[row].tobytes()), row)
    found = (index.get((int(image), box.tobytes()), -1) for image, box in zip(images, boxes, strict=True))
    return np.fromiter(found, dtype=np.int64, count=len(boxes))


def boxes_of(table: pa.Table) -> np.ndarray:
    """Boxes [N,4] as float32, the full image where there is none."""
    rows = [list(FULL_IMAGE) if box is None else box for box in table["box"].to_pylist()]
    return np.asarray(rows, dtype=np.float32).reshape(-1, 4)


def firsts(table: pa.Table, images: int) -> np.ndarray:
    """Where each image's rows begin in a table sorted by image, [images + 1]."""
    return np.searchsorted(table["image"].to_numpy(), np.arange(images + 1))


def source_of_images(images: int, *tables: tuple[pa.Table, np.ndarray]) -> list[str]:
    """Each image's source, empty if it has neither question nor region."""
    sources = [""] * images
    for table, _ in tables:
        for image, source in zip(table["image"].to_pylist(), table["source"].to_pylist(), strict=True):
            sources[image] = source
    return sources


def ranges(first: np.ndarray) -> Iterator[range]:
    """The rows of each image."""
    return (range(start, end) for start, end in zip(first[:-1].tolist(), first[1:].tolist(), strict=True))
