"""JSON files of one list or one object, written item by item."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TextIO


class JsonWriter:
    """Writes the items of a list, or the fields of an object, each on a line of its own."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.before = "\n"

    def item(self, value: Any) -> None:
        """Add an item to a list."""
        self.stream.write(f"{self.before}{json.dumps(value, ensure_ascii=False)}")
        self.before = ",\n"

    def field(self, name: str, value: Any) -> None:
        """Add a field to an object; its name must be new."""
        self.stream.write(f"{self.before}{json.dumps(name, ensure_ascii=False)}: ")
        self.before = ""
        self.item(value)


def json_list(path: Path) -> AbstractContextManager[JsonWriter]:
    """A file that holds one list; it is whole after the block."""
    return _between("[", "]", path)


def json_object(path: Path) -> AbstractContextManager[JsonWriter]:
    """A file that holds one object; it is whole after the block."""
    return _between("{", "}", path)


@contextmanager
def _between(opening: str, closing: str, path: Path) -> Iterator[JsonWriter]:
    with path.open("w", encoding="utf-8") as stream:
        stream.write(opening)
        yield JsonWriter(stream)
        stream.write(f"\n{closing}\n")
