"""Annotation files in JSON, among them files too long to hold at once.

Visual Genome's lists take several times their 700 MB when parsed whole, GQA's objects as well. `iterate_list` and
`iterate_object` read them item by item, with ijson. It gives what the standard decoder gives, with three exceptions:
numbers beyond 64 bits are refused; so are NaN and Infinity, which are not JSON; half a surrogate pair becomes "?".
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from pipeline.core.errors import UserError
from pipeline.core.files import existing_file, read_json
from pipeline.fetch.raw.records import RecordReader

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
    with opened(path, where, "start_array") as stream:
        yield from ijson.items(stream, "item", use_float=True)


def iterate_object(path: Path, where: str) -> Iterator[tuple[str, Any]]:
    """Name and value of each field of a JSON file that holds one object, one after the other.

    Raises UserError if the file is missing, is not such an object, or ends early.
    """
    with opened(path, where, "start_map") as stream:
        yield from ijson.kvitems(stream, "", use_float=True)


@dataclass(frozen=True)
class Shallow:
    """A file that refuses brackets nested by the thousand: the parser's time grows with the square of their depth."""

    stream: BinaryIO
    where: str

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises UserError if they open many more brackets than they close."""
        data = self.stream.read(size)
        opened, closed = data.count(b"[") + data.count(b"{"), data.count(b"]") + data.count(b"}")
        if opened - closed > DEEPEST:
            raise damaged(self.where, f"{opened - closed} brackets within brackets")
        return data


@contextmanager
def opened(path: Path, where: str, begins: str) -> Iterator[Shallow]:
    """A JSON file behind its byte order mark, if it has one. `begins` is the parser's event that it must begin with.

    Raises UserError if the file is missing or begins with something else, or if the block finds it damaged.
    """
    existing_file(path, "An annotation file is missing.", "a JSON file", "put or link it there", where)
    with path.open("rb") as stream:
        start = len(BOM_UTF8) if stream.read(len(BOM_UTF8)) == BOM_UTF8 else 0
        try:
            stream.seek(start)
            event, _ = next(ijson.basic_parse(Shallow(stream, where)))
            if event != begins:
                raise damaged(where, f"{event} instead of {begins}")
            stream.seek(start)
            yield Shallow(stream, where)
        except (ijson.JSONError, UnicodeDecodeError, SystemError) as error:  # the last for a number of 5,000 digits
            raise damaged(where, reason(error)) from None


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
