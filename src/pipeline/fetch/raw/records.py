"""Typed access to the records of annotation files: every field is checked where it enters.

People's tools rewrite these files: pandas writes the id 77 as 77.0 where a column has gaps, and a gap as null or NaN.
So an id is read as what it means: 77, 77.0, "77" and "77.0" are one. A negative number is no id: Visual Genome writes
-1 where there is none.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pipeline.core.errors import UserError
from pipeline.fetch.raw.texts import MOST_CHARACTERS, clean, clean_url

T = TypeVar("T")

WHOLE_AS_DECIMAL = re.compile(r"(-?[0-9]+)\.0+")
NEGATIVE = re.compile(r"-[0-9]+")
DECIMAL = re.compile(r"[0-9]{1,18}")
LARGEST = 2**63


class RecordError(UserError):
    """One record that cannot be used; `problem` is the reason that the table of dropped items gives."""


def bad_field(name: str) -> str:
    """The reason for a record whose field is missing or of another type."""
    return f"bad field: {name}"


def identifier(value: Any) -> str | None:
    """An id as text, or None if the value is none: 77, 77.0, "77" and "77.0" give "77"; "007" stays.

    A negative number is none, and a text of megabytes neither.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    if isinstance(value, int):
        return str(value) if 0 <= value < LARGEST else None
    if isinstance(value, str) and len(value) <= MOST_CHARACTERS:
        text = clean(value).strip()
        whole = WHOLE_AS_DECIMAL.fullmatch(text)
        text = whole.group(1) if whole else text
        return None if NEGATIVE.fullmatch(text) else text or None
    return None


def photograph(data_set: str, image_id: str) -> str:
    """The name of a photograph, `coco:77`, equal for all spellings of its id ("77", "000077")."""
    return f"{data_set}:{int(image_id) if DECIMAL.fullmatch(image_id) else image_id}"


def is_missing(value: Any) -> bool:
    """Whether an optional field says nothing: null, or NaN, which is how pandas writes null."""
    return value is None or (isinstance(value, float) and math.isnan(value))


@dataclass(frozen=True)
class RecordReader:
    """Typed access to the records of one file; every error names the file."""

    where: str

    def get(self, record: Any, name: str, kind: type[T]) -> T:
        """Field `name` of a record. Raises RecordError if the record lacks it or it is of another type."""
        value = record.get(name) if isinstance(record, Mapping) else None
        if isinstance(value, kind):
            return value
        raise self.error(record, name, f"a field '{name}' of type {kind.__name__}")

    def text(self, record: Any, name: str) -> str:
        """A text. Raises RecordError if it is missing, something else, or longer than any text about a picture."""
        text = self.get(record, name, str)
        if len(text) > MOST_CHARACTERS:
            expected = f"a field '{name}' of at most {MOST_CHARACTERS:,} characters"
            raise RecordError(bad_field(name), self.where, expected, f"{len(text):,} characters: {text[:60]!a}")
        return clean(text)

    def optional_text(self, record: Any, name: str) -> str:
        """A text that may be missing, null or NaN: then it is empty. Raises RecordError if it is something else."""
        return "" if is_missing(self.mapping(record).get(name)) else self.text(record, name)

    def url(self, record: Any, *names: str) -> str:
        """The first of the fields that is a text with something in it, or an empty string: no other value is a url.

        A text of megabytes is none either.
        """
        values = [self.mapping(record).get(name) for name in names]
        texts = (value for value in values if isinstance(value, str) and len(value) <= MOST_CHARACTERS)
        return next(filter(None, map(clean_url, texts)), "")

    def number(self, record: Any, name: str) -> float:
        """A numeric field. Raises RecordError if it is missing or no finite number."""
        value = record.get(name) if isinstance(record, Mapping) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST:
            return float(value)
        raise self.error(record, name, f"a field '{name}' that is a finite number")

    def identifier(self, record: Any, *names: str) -> str:
        """The first of the fields that is an id, as text. Raises RecordError if none is."""
        values = [self.mapping(record).get(name) for name in names]
        found = next((text for text in map(identifier, values) if text is not None), None)
        if found is None:
            raise self.error(record, names[0], f"a field '{names[0]}': a whole number or a text")
        return found

    def mapping(self, record: Any) -> Mapping[str, Any]:
        """The record, which must be an object. Raises RecordError if it is not."""
        if not isinstance(record, Mapping):
            raise RecordError("no object", self.where, "an object of fields", shown(record))
        return record

    def error(self, record: Any, name: str, expected: str) -> RecordError:
        """The error for a field that is not as expected."""
        fix = "check that this is the official file named in data/raw/datasets/README.md"
        return RecordError(bad_field(name), self.where, expected, shown(record), fix)


def shown(record: Any) -> str:
    """The beginning of a record, for messages."""
    try:
        return json.dumps(record)[:200]
    except RecursionError:
        return "brackets within brackets"
