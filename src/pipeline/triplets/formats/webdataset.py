"""WebDataset: one tar per shard, with `<key>.jpg` and beside it `<key>.json`, the triplets of the image.

    <key>.json = {"key", "url", "qa": [rows of docs/tables.md without key], "captions": [the same]}

Nothing is lost, and any WebDataset reader streams it. Pictures come from `data/pairs` and are compared with their
SHA-256; images without rows are left out. An import reads the JSON alone.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.fetch.raw.records import RecordError, RecordReader
from pipeline.storage.boxes import area
from pipeline.storage.shards import FORMAT, IMAGE_SUFFIX, append, stream_shard
from pipeline.storage.tar_end import fault_after
from pipeline.triplets.formats.entries import text, whole_number, wording
from pipeline.triplets.formats.images import ImageTriplets, Row, Rows, Source, Target, rows_of

JSON_SUFFIX = ".json"
NO_OBJECT = "file that is no JSON object"


def export(source: Source, folder: Path) -> None:
    """Write `folder/<shard>.tar` for every shard of training images.

    Raises UserError as `stream_shard` does, for pictures that are not those of the manifest.
    """
    for shard in source.shards():
        described = {image.key: description(image) for image in shard.by_image() if image.qa or image.captions}
        with tarfile.open(folder / f"{shard.name}.tar", "w", format=FORMAT) as tar:
            for key, jpeg in stream_shard(source.pairs / f"{shard.name}.tar", described.keys()):
                append(tar, f"{key}{IMAGE_SUFFIX}", jpeg)
                append(tar, f"{key}{JSON_SUFFIX}", described[key])


def description(image: ImageTriplets) -> bytes:
    """The JSON beside an image."""
    rows = [[{name: row[name] for name in row if name != "key"} for row in part] for part in (image.qa, image.captions)]
    content = {"key": image.key, "url": image.image["url"], "qa": rows[0], "captions": rows[1]}
    return json.dumps(content, ensure_ascii=False).encode()


def read(target: Target) -> Iterator[Rows]:
    """The rows of all tars in a folder. Raises UserError if there is none, or if one is cut off or damaged."""
    return rows_of(_images(target))


def _images(target: Target) -> Iterator[ImageTriplets]:
    tars = sorted(target.folder.glob("*.tar"))
    if not tars:
        raise UserError("A folder of WebDataset shards is missing or empty.", target.folder, "files *.tar")
    for tar in tars:
        for name, data in json_members(tar):
            reader = RecordReader(f"{tar}: {name}")
            try:
                content = reader.mapping(json.loads(data))
                key = reader.text(content, "key")
            except (ValueError, RecursionError) as error:
                target.ledger.drop_record(RecordError(NO_OBJECT, reader.where, found=str(error)[:300]), "whole file")
                continue
            except RecordError as error:
                target.ledger.drop_record(error, "whole file")
                continue
            qa = [row for entry in _list(content, "qa") if (row := _row(target, reader, qa_row, key, entry))]
            captions = [
                row for entry in _list(content, "captions") if (row := _row(target, reader, caption_row, key, entry))
            ]
            yield ImageTriplets(key, qa, captions)


def json_members(tar: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every JSON file in a tar. Raises UserError if the tar is cut off or damaged."""
    try:
        with tarfile.open(tar, "r:") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.name.endswith(JSON_SUFFIX) else None
                if stream is not None:
                    yield member.name, stream.read()
            fault = fault_after(tar, archive.offset)
    except (tarfile.TarError, OSError, ValueError, OverflowError, KeyError) as error:
        fault = str(error)
    if fault:
        raise UserError("A WebDataset shard is cut off or damaged.", tar, "a whole tar", fault, "copy it again")


def _list(content: Any, name: str) -> list[Any]:
    entries = content.get(name, [])
    return entries if isinstance(entries, list) else [entries]


def _row(target: Target, reader: RecordReader, made: Any, key: str, entry: Any) -> Row | None:
    try:
        return made(reader, key, entry)
    except RecordError as error:
        target.ledger.drop_record(error, key)
        return None


def qa_row(reader: RecordReader, key: str, entry: Any) -> Row:
    """A row of KEPT_QA. Raises RecordError if an entry lacks a field, or has a bad one."""
    return {
        "key": key,
        "pair_id": whole_number(reader, entry, "pair_id"),
        "box": box(reader, entry),
        "region_caption": text(reader, entry, "region_caption"),
        "question": wording(reader, entry, "question"),
        "answer": wording(reader, entry, "answer"),
        "question_type": text(reader, entry, "question_type"),
        "answer_confidence": optional(reader.number, entry, "answer_confidence"),
        "filter_answer": optional(reader.text, entry, "filter_answer"),
        "filter_confidence": optional(reader.number, entry, "filter_confidence"),
    }


def caption_row(reader: RecordReader, key: str, entry: Any) -> Row:
    """A row of KEPT_DC. Raises RecordError if an entry lacks a field, or has a bad one."""
    return {
        "key": key,
        "region_id": whole_number(reader, entry, "region_id"),
        "box": box(reader, entry),
        "caption": wording(reader, entry, "caption"),
        "confidence": optional(reader.number, entry, "confidence"),
    }


def optional(read_field: Any, entry: Any, name: str) -> Any:
    """A field that may be missing or null."""
    return None if isinstance(entry, dict) and entry.get(name) is None else read_field(entry, name)


def box(reader: RecordReader, entry: Any) -> list[float]:
    """A box as fractions of the image. Raises RecordError for anything else, and for one without area."""
    corners = reader.get(entry, "box", list)
    sound = len(corners) == 4 and all(type(corner) in (int, float) and 0 <= corner <= 1 for corner in corners)
    if not sound or area(corners) <= 0:
        raise reader.error(entry, "box", "a field 'box': x1 < x2 and y1 < y2, from 0 to 1")
    return corners
