"""Images with texts as training samples: word pieces in flat arrays, grouped by image.

A question's caption (which the pair prompt shows) is the phrase of the first region of its image with the same box; a
question without a box has the full image's. Every annotator's answer is one entry, so that drawing an entry draws an
answer as often as it was given. What is longer than the limits is left out and counted.

Visual Genome has 5.4 million regions: pieces lie in flat int32 arrays, texts stay in Arrow.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.errors import UserError
from pipeline.questioner.model.build import Limits
from pipeline.questioner.model.prompts import Prompts
from pipeline.storage.boxes import FULL_IMAGE
from pipeline.storage.shards import MANIFEST_FILE, ImageShards
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.questions import plain_text, prompt_type
from pipeline.tables.table import Table


@dataclass(frozen=True)
class Ragged:
    """Rows of whole numbers of different lengths, one after the other."""

    values: np.ndarray
    offsets: np.ndarray

    @staticmethod
    def of(rows: Sequence[Sequence[int]]) -> Ragged:
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

    def caption(self, question: int) -> list[int]:
        """The word pieces of the caption of a question's region; empty if it has none."""
        region = int(self.captions[question])
        return self.phrases[region] if region >= 0 else []


@dataclass(frozen=True)
class CaptionSet:
    """Captions of whole images in the order of their images (`first` as for regions)."""

    first: np.ndarray
    pieces: Ragged

    @staticmethod
    def none(images: int) -> CaptionSet:
        """Of images without captions."""
        return CaptionSet(np.zeros(images + 1, dtype=np.int64), Ragged.of([]))


@dataclass(frozen=True)
class Samples:
    """One split of a data set: its images with questions, regions and captions, and what was too long."""

    keys: list[str]
    sources: list[str]
    questions: QuestionSet
    regions: RegionSet
    captions: CaptionSet
    too_long: dict[str, int]


def read_samples(
    folder: Path,
    shards: ImageShards,
    split: str,
    prompts: Prompts,
    limits: Limits,
    sources: Sequence[str] | None = None,
) -> Samples:
    """The samples of a split (`train`, `val`) of `data/annotations/`: of all sources, or of some and their images.

    Raises UserError if a table names an image that the manifest lacks, or if nothing comes from one of the sources.
    """
    keys = shards.manifest.filter(pc.field("split") == split)["key"].to_pylist()
    files = {REGIONS: folder / "regions.parquet", QUESTIONS: folder / "questions.parquet"}
    tables = [rows_of_split(table, path, split, set(keys), shards) for table, path in files.items()]
    if sources is not None:
        tables = of_sources(tables, sources, folder)
        annotated = {key for rows in tables for key in rows["key"].to_pylist()}
        keys = [key for key in keys if key in annotated]
    numbers = {key: index for index, key in enumerate(keys)}
    regions, questions = (sorted_by_image(rows, numbers) for rows in tables)
    return samples_of_tables(keys, regions, questions, prompts, limits)


def samples_of_tables(
    keys: list[str], region_table: pa.Table, question_table: pa.Table, prompts: Prompts, limits: Limits
) -> Samples:
    """Samples of tables sorted by image, whose column `image` numbers the images in the order of `keys`."""
    regions = read_regions(region_table, len(keys), prompts, limits)
    questions = read_questions(question_table, len(keys), regions, prompts, limits)
    sources = source_of_images(len(keys), questions.table, regions.table)
    too_long = {
        "regions": len(region_table) - len(regions.table),
        "questions": len(question_table) - len(questions.table),
    }
    return Samples(keys, sources, questions, regions, CaptionSet.none(len(keys)), too_long)


def rows_of_split(table: Table, path: Path, split: str, keys: Collection[str], shards: ImageShards) -> pa.Table:
    """Rows of a split. Raises UserError if one of them is about another image than `keys` name."""
    rows = table.read(path).filter(pc.field("split") == split)
    table.check_images(rows, keys, path, f"{shards.folder / MANIFEST_FILE}, split {split}")
    return rows


def of_sources(tables: Sequence[pa.Table], sources: Sequence[str], folder: Path) -> list[pa.Table]:
    """The rows of some sources. Raises UserError if nothing comes from one of them."""
    found = sorted({name for table in tables for name in table["source"].unique().to_pylist()})
    if unknown := sorted(set(sources) - set(found)):
        raise UserError(
            "Nothing comes from a source of annotations.",
            where=folder,
            expected=f"some of {', '.join(found)}",
            found=", ".join(unknown),
            fix="name sources of fetch_annotations, or null for all of them",
        )
    return [table.filter(pc.field("source").isin(sources)) for table in tables]


def sorted_by_image(rows: pa.Table, numbers: Mapping[str, int]) -> pa.Table:
    """Rows in the order of their images, with a column `image` of the images' `numbers`."""
    column = np.asarray([numbers[key] for key in rows["key"].to_pylist()], dtype=np.int64)
    return rows.append_column("image", pa.array(column)).take(np.argsort(column, kind="stable"))


def read_regions(table: pa.Table, images: int, prompts: Prompts, limits: Limits) -> RegionSet:
    """Regions of a table sorted by image, without those whose phrase is too long or empty."""
    pieces = prompts.pieces(table["phrase"].to_pylist())
    fits = np.array([0 < len(row) <= limits.target for row in pieces], dtype=bool)
    kept = [row for row, fit in zip(pieces, fits, strict=True) if fit]
    table = table.filter(pa.array(fits))
    return RegionSet(first_rows(table, images), boxes_of(table), Ragged.of(kept), table)


def read_questions(table: pa.Table, images: int, regions: RegionSet, prompts: Prompts, limits: Limits) -> QuestionSet:
    """Questions of a table sorted by image, without those that are empty, or too long with every answer."""
    texts = table["question"].to_pylist()
    pieces = prompts.pieces(texts)
    fitting = fitting_answers(table["answers"].to_pylist(), pieces, prompts, limits)
    fits = np.array([bool(answers) for answers in fitting], dtype=bool)
    answers = [row for of_question in fitting for _, row in of_question]
    types = [
        prompt_type(text, plain_text(answer))
        for text, of_question in zip(texts, fitting, strict=True)
        for answer, _ in of_question
    ]
    counts = [len(of_question) for of_question in fitting if of_question]
    table = table.filter(pa.array(fits))
    return QuestionSet(
        first=first_rows(table, images),
        boxes=boxes_of(table),
        pieces=Ragged.of([row for row, fit in zip(pieces, fits, strict=True) if fit]),
        captions=captions_of(table, regions),
        phrases=regions.phrases,
        answers=Ragged.of(answers),
        answer_first=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
        types=types,
        table=table,
    )


def fitting_answers(
    answers: Sequence[Sequence[str]], questions: Sequence[Sequence[int]], prompts: Prompts, limits: Limits
) -> list[list[tuple[str, list[int]]]]:
    """Each question's answers that fit behind it, as text and word pieces; none for an empty question."""
    pieces = iter(prompts.pieces([answer for of_question in answers for answer in of_question]))
    fitting: list[list[tuple[str, list[int]]]] = []
    for question, of_question in zip(questions, answers, strict=True):
        longest = min(limits.answer, limits.target - 1 - len(question))
        pairs = [(answer, next(pieces)) for answer in of_question]
        fitting.append([(answer, row) for answer, row in pairs if question and 0 < len(row) <= longest])
    return fitting


def captions_of(table: pa.Table, regions: RegionSet) -> np.ndarray:
    """For each question the first region of its image with the same box, or -1."""
    region_images, images, boxes = regions.table["image"].to_numpy(), table["image"].to_numpy(), boxes_of(table)
    rows: dict[tuple[int, bytes], int] = {}
    for row, (image, box) in enumerate(zip(region_images, regions.boxes, strict=True)):
        rows.setdefault((int(image), box.tobytes()), row)
    captions = (rows.get((int(image), box.tobytes()), -1) for image, box in zip(images, boxes, strict=True))
    return np.fromiter(captions, dtype=np.int64, count=len(boxes))


def boxes_of(table: pa.Table) -> np.ndarray:
    """Boxes [N,4] as float32, the full image where there is none."""
    rows = [FULL_IMAGE if box is None else box for box in table["box"].to_pylist()]
    return np.asarray(rows, dtype=np.float32).reshape(-1, 4)


def first_rows(table: pa.Table, images: int) -> np.ndarray:
    """Where each image's rows begin in a table sorted by image, [images + 1]."""
    return np.searchsorted(table["image"].to_numpy(), np.arange(images + 1))


def source_of_images(images: int, *tables: pa.Table) -> list[str]:
    """Each image's source, empty if it has neither question nor region."""
    sources = [""] * images
    for table in tables:
        for image, source in zip(table["image"].to_pylist(), table["source"].to_pylist(), strict=True):
            sources[image] = source
    return sources
