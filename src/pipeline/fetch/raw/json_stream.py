"""Annotation files in JSON, among them files too long to hold at once.

Visual Genome's lists take several times their 700 MB when parsed whole, GQA's objects as well. `iterate_list` and
`iterate_object` read them item by item, with ijson. Where it stumbles, which it does over NaN, over whole numbers
beyond 64 bits and over texts of megabytes, the rest is read again through `json_repair`, so that a sound file costs
nothing. What comes out is what the standard decoder gives, with four exceptions: NaN and Infinity become null, a whole
number beyond 64 bits a decimal one, half a surrogate pair "?", and a text of more than MOST_CHARACTERS another one of
more, which a RecordReader refuses.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import ijson

from pipeline.core.errors import UserError
from pipeline.core.files import existing_file, read_json
from pipeline.fetch.raw.json_repair import repaired
from pipeline.fetch.raw.records import RecordReader
from pipeline.fetch.raw.texts import MOST_CHARACTERS

T = TypeVar("T")

PART = 1 << 16
DEEPEST = 1000
"""As many more brackets may open than close in one part of a file; annotations are nested five deep."""


def read_object(path: Path, where: str) -> tuple[dict[str, Any], RecordReader]:
    """A JSON file that holds one object. Raises UserError if it is missing, damaged or something else."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(
            "An annotation file has another layout than expected.",
            where=where,
            expected="one JSON object",
            found=type(content).__name__,
        )
    return content, RecordReader(where)


def iterate_list(path: Path, where: str) -> Iterator[Any]:
    """The items of a JSON file that holds one list, one after the other.

    Raises UserError if the file is missing, is not such a list, or ends early.
    """
    return items(path, where, "start_array", lambda stream: ijson.items(stream, "item", use_float=True))


def iterate_object(path: Path, where: str) -> Iterator[tuple[str, Any]]:
    """Name and value of each field of a JSON file that holds one object, one after the other.

    Raises UserError if the file is missing, is not such an object, or ends early.
    """
    return items(path, where, "start_map", lambda stream: ijson.kvitems(stream, "", use_float=True))


def items(path: Path, where: str, begins: str, parse: Callable[[Parts], Iterator[T]]) -> Iterator[T]:
    """What `parse` gives for a file. `begins` is the parser's event that the file must begin with.

    Raises UserError if the file is missing, begins with something else, or is damaged.
    """
    existing_file(path, "An annotation file is missing.", "a JSON file", "put or link it there", where)
    given = 0
    for repair in (False, True):
        try:
            with path.open("rb") as stream:
                event, _ = next(ijson.basic_parse(parts_of(stream, where, repair)))
                if event != begins:
                    raise damaged(where, f"{event} instead of {begins}")
                for item in islice(parse(parts_of(stream, where, repair)), given, None):
                    given += 1
                    yield item
            return
        except (ijson.JSONError, UnicodeDecodeError, SystemError) as error:  # the last for a number of 5,000 digits
            if repair:
                raise damaged(where, reason(error)) from None


class Parts:
    """Parts of a file as a stream, as ijson takes it: each call of `read` gives one."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self.parts = parts

    def read(self, size: int = -1) -> bytes:
        """The next part that is not empty; nothing at the end, or if nothing is asked for."""
        return next(filter(None, self.parts), b"") if size else b""


def parts_of(stream: BinaryIO, where: str, repair: bool) -> Parts:
    """A file from behind its byte order mark, if it has one.

    A space and a quotation mark follow it. The parser does not look at a text without an end behind the end of a list;
    but if there is one already, the mark completes it, and the parser refuses it, as it refuses half a word. The space
    keeps a backslash at the end from taking the mark as its own.
    """
    stream.seek(0)
    if stream.read(len(BOM_UTF8)) != BOM_UTF8:
        stream.seek(0)
    parts = sane_parts(stream, where)
    return Parts(chain(repaired(parts) if repair else short_texts(parts), [b' "']))


def sane_parts(stream: BinaryIO, where: str) -> Iterator[bytes]:
    """Parts of a file. Raises UserError for brackets nested by the thousand.

    The parser's time grows with the square of their depth.
    """
    while data := stream.read(PART):
        opened, closed = data.count(b"[") + data.count(b"{"), data.count(b"]") + data.count(b"}")
        if opened - closed > DEEPEST:
            raise damaged(where, f"{opened - closed} brackets within brackets")
        yield data


def short_texts(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same parts. Raises JSONError where a text may be of megabytes.

    The parser's time grows with the square of its length.
    """
    text = 0
    for data in parts:
        inside_text = data.count(b'"') - data.count(b'\\"') <= 1  # an escape may lie across the border of two parts
        text = text + len(data) if inside_text else 0
        if text > MOST_CHARACTERS:
            raise ijson.JSONError(f"a text of more than {MOST_CHARACTERS:,} characters")
        yield data


def reason(error: Exception) -> str:
    """What a parser found, in one line: its text, and the part of the file that it stopped at."""
    text = error.args[0] if isinstance(error, ijson.JSONError) else str(error)
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join(text.partition("(right here)")[0].split())


def damaged(where: str, found: str) -> UserError:
    """The error for a file that is not a whole JSON list or object."""
    return UserError(
        "An annotation file is not whole.",
        where=where,
        expected="JSON: [item, item, …] or {name: item, …}",
        found=found,
        fix="fetch or copy it again",
    )
