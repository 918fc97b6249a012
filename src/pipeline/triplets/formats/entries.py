"""Fields of entries in JSON, checked where they enter, as all layouts read them."""

from __future__ import annotations

from typing import Any

from pipeline.fetch.raw.records import RecordError, RecordReader
from pipeline.fetch.raw.texts import LONGEST_TEXT, clean_text

LARGEST_ID = 2**31
"""A number from here on does not fit the column of an id."""


def whole_number(reader: RecordReader, entry: Any, name: str) -> int:
    """A whole number that the column can hold. Raises RecordError if it is missing or something else."""
    number = reader.number(entry, name)
    if not number.is_integer() or abs(number) >= LARGEST_ID:
        raise reader.error(entry, name, f"a field '{name}': a whole number of 32 bits")
    return int(number)


def text(reader: RecordReader, entry: Any, name: str) -> str:
    """A text, cleaned as all texts are. Raises RecordError if it is missing, of another type, or too long."""
    found = clean_text(reader.text(entry, name))
    if len(found) > LONGEST_TEXT:
        shown = f"{len(found):,} characters: {found[:60]!r} …"
        raise RecordError(f"text too long: {name}", reader.where, f"at most {LONGEST_TEXT:,} characters", shown)
    return found


def wording(reader: RecordReader, entry: Any, name: str) -> str:
    """A text to learn from. Raises RecordError as `text` does, and for an empty one."""
    found = text(reader, entry, name)
    if not found:
        raise RecordError(f"empty text: {name}", reader.where, "a text", "nothing that can be seen")
    return found
