"""Reading triplets in JADE's layout (`pipeline.triplets.formats.jade`) as rows of our tables.

The folders are listed once, as numbers; then each training image's files are read. An entry, or a whole file, that
cannot be used goes to a ledger with its reason.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.errors import UserError
from pipeline.fetch.packing.dropped import REPEATED_ID, Ledger
from pipeline.fetch.raw.records import RecordError, RecordReader
from pipeline.tables.triplets import SPLIT
from pipeline.triplets.by_shard.streams import manifest_shards
from pipeline.triplets.formats.entries import text, whole_number, wording
from pipeline.triplets.formats.images import ImageTriplets, Row, Rows, Target, rows_of
from pipeline.triplets.formats.jade import DC, QA, fractions
from pipeline.triplets.formats.jade_ids import NO_ID, import_ids

NO_NUMBER = "file not named by the number of its image"
NO_LIST = "file that is no JSON list"


def read(target: Target) -> Iterator[Rows]:
    """The rows of all training images that a folder has files of, shard by shard.

    Raises UserError if one of the two folders is missing, or if neither has a file that a number names.
    """
    return rows_of(_images(target))


def _images(target: Target) -> Iterator[ImageTriplets]:
    folder, ledger = target.folder, target.ledger
    qa_ids, caption_ids = (published_ids(folder / part, ledger) for part in (QA, DC))
    published = np.union1d(qa_ids, caption_ids)
    if not len(published):
        raise no_layout(folder)
    ids, shared = import_ids(target)
    has_qa, has_captions = np.isin(ids, qa_ids), np.isin(ids, caption_ids)
    wanted = (has_qa | has_captions) & ~shared
    target.unknown = len(published) - np.isin(published, ids).sum()
    ambiguous = np.isin(published, ids[shared]).sum()
    target.remarks.append(f"{ambiguous} whose CRC-32 several urls share")
    first = 0
    for _, rows in manifest_shards(target.pairs, ["key"], SPLIT):
        keys = rows["key"].to_pylist()
        for place in np.flatnonzero(wanted[first : first + len(keys)]).tolist():
            key, file = keys[place], f"{ids[first + place]}.json"
            qa = read_qa(folder / QA / file, key, ledger) if has_qa[first + place] else []
            captions = read_captions(folder / DC / file, key, ledger) if has_captions[first + place] else []
            yield ImageTriplets(key, qa, captions)
        first += len(keys)


def published_ids(folder: Path, ledger: Ledger) -> np.ndarray:
    """The numbers of the images that a folder `QA/` or `DC/` has files of, in uint64, in order.

    A file that is not named by a number goes to the ledger: with another spelling (`007.json`) one image could come
    twice. Raises UserError if the folder is missing.
    """
    if not folder.is_dir():
        raise no_layout(folder)
    numbers = array("Q")
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name.removesuffix(".json")
            number = int(name) if name.isascii() and name.isdigit() and len(name) <= 20 else NO_ID
            if name == entry.name:
                continue
            if str(number) == name and number < NO_ID:
                numbers.append(number)
            else:
                ledger.drop(f"{folder.name}/{entry.name}", NO_NUMBER, example=entry.path)
    return np.sort(np.frombuffer(numbers, np.uint64))


def no_layout(where: Path) -> UserError:
    """The error for a folder that is not of the layout."""
    return UserError(
        "A folder of JADE's layout is missing or empty.",
        where=where,
        expected=f"{QA}/<img_id>.json and {DC}/<img_id>.json, as in the published CC3M-QA-DC",
        fix="name the folder that holds both",
    )


def read_qa(path: Path, key: str, ledger: Ledger) -> list[Row]:
    """Rows of the table KEPT_QA from one image's file in `QA/`.

    An entry that lacks a field or has a bad one, or whose question_id came before, goes to the ledger.
    """
    seen: set[int] = set()

    def row(reader: RecordReader, entry: Any, _: int) -> Row:
        made = {
            "key": key,
            "pair_id": whole_number(reader, entry, "question_id"),
            "box": fractions(reader.get(entry, "object", list), reader.where),
            "region_caption": text(reader, entry, "region_description"),
            "question": wording(reader, entry, "question"),
            "answer": wording(reader, entry, "answer"),
            "question_type": text(reader, entry, "type"),
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
            "caption": wording(reader, entry, "region_description"),
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
