"""Annotation files in JSON: typed access to their records, and files too long to hold at once.

Visual Genome's lists take several times their 700 MB when parsed whole, GQA's objects as well. `iterate_list` and
`iterate_object` read them item by item, with the standard decoder on a buffer that never holds more than a few items.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar

from pipeline.core.errors import UserError
from pipeline.core.files import read_json

CHUNK = 1 << 20
DECODER = json.JSONDecoder()
NOT_BLANK = re.compile(r"\S")
T = TypeVar("T")


@dataclass(frozen=True)
class RecordReader:
    """Typed access to the records of one file; every error names the file."""

    where: str

    def get(self, record: Any, name: str, kind: type[T]) -> T:
        """Field `name` of a record. Raises UserError if the record lacks it or it is of another type."""
        value = record.get(name) if isinstance(record, Mapping) else None
        if isinstance(value, kind):
            return value
        raise UserError(
            "A record of an annotation file is not as expected.",
            where=self.where,
            expected=f"a field '{name}' of type {kind.__name__}",
            found=json.dumps(record)[:200],
            fix="check that this is the official file named in data/raw/datasets/README.md",
        )

    def number(self, record: Any, name: str) -> float:
        """A numeric field. Raises UserError if it is missing or no finite number."""
        value = record.get(name) if isinstance(record, Mapping) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf"):
            return float(value)
        self.get(record, name, float)
        raise UserError("A number of an annotation file is not finite.", where=self.where, found=name)

    def identifier(self, record: Any, *names: str) -> str:
        """The first of the fields that is a whole number or a text, as text. Raises UserError if none is."""
        for name in names:
            value = record.get(name) if isinstance(record, Mapping) else None
            if isinstance(value, int | str) and not isinstance(value, bool):
                return str(value)
        return str(self.get(record, names[0], int))


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


def iterate_list(path: Path, where: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSON file that holds one list of objects, one after the other.

    Raises UserError if the file is missing, is no such list, or ends early.
    """
    with opened(path, where) as window:
        window.take("[")
        for _ in window.items("{", "]"):
            yield window.value()


def iterate_object(path: Path, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and value of each field of a JSON file that holds one object of objects, one after the other.

    Raises UserError if the file is missing, is no such object, or ends early.
    """
    with opened(path, where) as window:
        window.take("{")
        for _ in window.items('"', "}"):
            name = window.value()
            window.take(":")
            window.expect("{")
            yield name, window.value()


@contextmanager
def opened(path: Path, where: str) -> Iterator[Window]:
    """A window over a file. Raises UserError if the file is missing or no text."""
    if not path.is_file():
        raise UserError("An annotation file is missing.", where=where)
    with path.open(encoding="utf-8-sig") as stream:
        try:
            yield Window(stream, where)
        except UnicodeDecodeError as error:
            raise damaged(where, str(error)) from None


class Window:
    """A part of a JSON file, of which what lies before `position` is done. Every error names the file."""

    def __init__(self, stream: TextIO, where: str) -> None:
        self.stream, self.where = stream, where
        self.text = ""
        self.position = 0

    def items(self, begin: str, end: str) -> Iterator[None]:
        """Stop before each item of the list or object that was opened; items begin with `begin`."""
        sign = self.expect(begin, end)
        while sign != end:
            yield
            sign = self.take(",", end)
            if sign != end:
                self.expect(begin)

    def take(self, *signs: str) -> str:
        """The next sign, which must be one of `signs`; moves behind it."""
        sign = self.expect(*signs)
        self.position += 1
        return sign

    def expect(self, *signs: str) -> str:
        """The next sign, which must be one of `signs`; stays before it. Raises UserError for another one."""
        sign = self.next_sign()
        if sign not in signs:
            raise damaged(self.where, f"{sign!r} instead of {' or '.join(signs)}")
        return sign

    def next_sign(self) -> str:
        """The next character that is no white space, or an empty string at the end; stays before it."""
        while True:
            match = NOT_BLANK.search(self.text, self.position)
            if match:
                self.position = match.start()
                return match.group()
            self.position = len(self.text)
            if not self._fill():
                return ""

    def value(self) -> Any:
        """The value that begins at the position; moves behind it. Raises UserError if it is damaged."""
        while True:
            try:
                value, self.position = DECODER.raw_decode(self.text, self.position)
            except json.JSONDecodeError as error:
                # A value may just be longer than the window: only at the file's end is it an error.
                if not self._fill():
                    raise damaged(self.where, str(error)) from None
            else:
                return value

    def _fill(self) -> bool:
        rest = self.text[self.position :]
        more = self.stream.read(max(CHUNK, len(rest)))
        self.text, self.position = rest + more, 0
        return bool(more)


def damaged(where: str, found: str) -> UserError:
    """The error for a file that is no whole JSON list or object of objects."""
    return UserError(
        "An annotation file is not whole.",
        where=where,
        expected="JSON: [item, item, …] or {name: item, …}",
        found=found,
        fix="fetch or copy it again",
    )
