"""Annotation files in JSON: typed access to their records, and lists too long to hold at once.

Visual Genome's lists take several times their 700 MB when parsed whole. `iterate_list` reads a top-level list
item by item, with the standard decoder on a buffer that never holds more than a few items.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar

from pipeline.errors import UserError
from pipeline.storage.files import read_json

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
    if not path.is_file():
        raise UserError("An annotation file is missing.", where=where)
    with path.open(encoding="utf-8-sig") as stream:
        window = Window(stream)
        try:
            expected: tuple[str, ...] = ("[",)
            while True:
                sign = window.next_sign()
                if sign not in expected:
                    raise damaged_list(where, f"{sign!r} instead of {' or '.join(expected)}")
                if sign == "{":
                    yield window.next_object(where)
                    expected = (",", "]")
                    continue
                window.position += 1
                if sign == "]":
                    return
                expected = ("{", "]") if sign == "[" else ("{",)
        except UnicodeDecodeError as error:
            raise damaged_list(where, str(error)) from None


class Window:
    """A part of a text file, of which what lies before `position` is done."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.text = ""
        self.position = 0

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

    def next_object(self, where: str) -> dict[str, Any]:
        """The object that begins at the position; moves behind it. Raises UserError if it is damaged."""
        while True:
            try:
                value, self.position = DECODER.raw_decode(self.text, self.position)
            except json.JSONDecodeError as error:
                # An object may just be longer than the window: only at the file's end is it an error.
                if not self._fill():
                    raise damaged_list(where, str(error)) from None
            else:
                return value

    def _fill(self) -> bool:
        rest = self.text[self.position :]
        more = self.stream.read(max(CHUNK, len(rest)))
        self.text, self.position = rest + more, 0
        return bool(more)


def damaged_list(where: str, found: str) -> UserError:
    """The error for a file that is no whole JSON list."""
    return UserError(
        "An annotation file is no whole JSON list.",
        where=where,
        expected="[item, item, …]",
        found=found,
        fix="fetch or copy it again",
    )
