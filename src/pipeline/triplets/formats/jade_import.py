"""Reading triplets in JADE's layout (`pipeline.triplets.formats.jade`) as rows of our tables.

An entry, or a whole file, that cannot be used goes to a ledger with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.fetch.packing.dropped import REPEATED_ID, Ledger
from pipeline.fetch.raw.records import RecordError, RecordReader
from pipeline.fetch.raw.texts import LONGEST_TEXT, clean_text
from pipeline.triplets.formats.jade import DC, QA, fractions

Row = dict[str, Any]

NO_NUMBER = "file not named by the number of its image"
NO_LIST = "file that is no JSON list"
LARGEST_ID = 2**31
"""A `question_id` from here on does not fit the column."""


@dataclass(frozen=True)
class PublishedFolder:
    """A folder in JADE's layout, the numbers of the images that it has files of, and what of it cannot be used."""

    folder: Path
    qa_ids: frozenset[int]
    caption_ids: frozenset[int]
    ledger: Ledger

    @staticmethod
    def of(folder: Path) -> PublishedFolder:
        """Look through `folder/QA/` and `folder/DC/`. Raises UserError as `published_ids` does."""
        ledger = Ledger(str(folder))
        return PublishedFolder(folder, published_ids(folder / QA, ledger), published_ids(folder / DC, ledger), ledger)

    @property
    def ids(self) -> frozenset[int]:
        """The numbers of all images."""
        return self.qa_ids | self.caption_ids

    def qa(self, number: int, key: str) -> list[Row]:
        """Rows of KEPT_QA for one image, whose key is `key` here."""
        return read_qa(self.folder / QA / f"{number}.json", key, self.ledger) if number in self.qa_ids else []

    def captions(self, number: int, key: str) -> list[Row]:
        """Rows of KEPT_DC for one image."""
        return (
            read_captions(self.folder / DC / f"{number}.json", key, self.ledger) if number in self.caption_ids else []
        )


def published_ids(folder: Path, ledger: Ledger) -> frozenset[int]:
    """The numbers of the images that a folder `QA/` or `DC/` has files of.

    A file that is not named by a number goes to the ledger: with another spelling (`007.json`) one image could come
    twice. Raises UserError if the folder is missing or has no JSON file.
    """
    names = {path.name for path in folder.iterdir() if path.suffix == ".json"} if folder.is_dir() else set()
    if not names:
        raise UserError(
            "A folder of JADE's layout is missing or empty.",
            where=folder,
            expected=f"{QA}/<img_id>.json and {DC}/<img_id>.json, as in the published CC3M-QA-DC",
            fix="name the folder that holds both",
        )
    numbers = {int(name[:-5]) for name in names if name[:-5].isascii() and name[:-5].isdigit()}
    named = {f"{number}.json": number for number in numbers}
    for name in sorted(names - named.keys()):
        ledger.drop(f"{folder.name}/{name}", NO_NUMBER, example=str(folder / name))
    return frozenset(number for name, number in named.items() if name in names)


def read_qa(path: Path, key: str, ledger: Ledger) -> list[Row]:
    """Rows of the table KEPT_QA from one image's file in `QA/`.

    An entry that lacks a field or has a bad one, or whose question_id came before, goes to the ledger.
    """
    seen: set[int] = set()

    def row(reader: RecordReader, entry: Any, _: int) -> Row:
        made = {
            "key": key,
            "pair_id": _question_id(reader, entry),
            "box": fractions(reader.get(entry, "object", list), reader.where),
            "region_caption": _text(reader, entry, "region_description"),
            "question": _wording(reader, entry, "question"),
            "answer": _wording(reader, entry, "answer"),
            "question_type": _text(reader, entry, "type"),
            "answer_confidence": reader.number(entry, "prob"),
            "filter_answer": None,
            "filter_confidence": None,
        }
        if made["pair_id"] in seen:
            raise RecordError(REPEATED_ID, reader.where, found=f"question_id {made['pair_id']}")
        seen.add(made["pair_id"])
        return made

    return list(_rows(path, ledger, row))


def read_captions(path: Path, key: str, ledger: Ledger) -> list[Row]:
    """Rows of the table KEPT_DC from one image's file in `DC/`; an entry that cannot be used goes to the ledger."""

    def row(reader: RecordReader, entry: Any, number: int) -> Row:
        return {
            "key": key,
            "region_id": number,
            "box": fractions(reader.get(entry, "object", list), reader.where),
            "caption": _wording(reader, entry, "region_description"),
            "confidence": None,
        }

    return list(_rows(path, ledger, row))


def _rows(path: Path, ledger: Ledger, row: Callable[[RecordReader, Any, int], Row]) -> Iterator[Row]:
    """What `row` makes of each entry and its number; what it refuses goes to the ledger, and a file without entries."""
    reader = RecordReader(str(path))
    try:
        entries = _entries(path)
    except RecordError as error:
        ledger.drop_record(error, "whole file")
        return
    for number, entry in enumerate(entries):
        try:
            yield row(reader, entry, number)
        except RecordError as error:
            ledger.drop_record(error, number)


def _entries(path: Path) -> list[Any]:
    """The list in a file. Raises RecordError if there is none; what the system refuses is no fault of the file."""
    try:
        entries = json.loads(path.read_bytes())
    except (ValueError, RecursionError, FileNotFoundError, IsADirectoryError) as error:
        raise RecordError(NO_LIST, str(path), found=str(error)[:300]) from None
    if not isinstance(entries, list):
        raise RecordError(NO_LIST, str(path), found=type(entries).__name__)
    return entries


def _question_id(reader: RecordReader, entry: Any) -> int:
    """A whole number that the column can hold. Raises RecordError if it is missing or something else."""
    number = reader.number(entry, "question_id")
    if not number.is_integer() or abs(number) >= LARGEST_ID:
        raise reader.error(entry, "question_id", "a field 'question_id': a whole number of 32 bits")
    return int(number)


def _text(reader: RecordReader, entry: Any, name: str) -> str:
    """A text, cleaned as all texts are. Raises RecordError if it is missing, of another type, or too long."""
    text = clean_text(reader.text(entry, name))
    if len(text) > LONGEST_TEXT:
        found = f"{len(text):,} characters: {text[:60]!r} …"
        raise RecordError(f"text too long: {name}", reader.where, f"at most {LONGEST_TEXT:,} characters", found)
    return text


def _wording(reader: RecordReader, entry: Any, name: str) -> str:
    """A text to learn from. Raises RecordError as `_text` does, and for an empty one."""
    text = _text(reader, entry, name)
    if not text:
        raise RecordError(f"empty text: {name}", reader.where, "a text", "nothing that can be seen")
    return text
