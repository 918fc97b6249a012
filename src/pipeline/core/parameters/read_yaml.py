"""Reading a parameter file so that no content of it takes long or ends in a traceback.

YAML is more than parameters need: an alias repeats what an anchor names, and aliases of aliases multiply into billions
of values; brackets within brackets exceed Python's stack. So the file's events are walked first, one by one, which
costs no more than the file is long: aliases, deep nesting and huge files are refused, and only then values are made.
A stage reads its parameters several times, before and under its lock: the same bytes are parsed once.

The file is read with ruamel in YAML 1.2, as DVC reads it: PyYAML takes `2e-5` for text.
"""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from pipeline.core.errors import UserError

MOST_BYTES = 1_000_000
DEEPEST = 50


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises UserError when it cannot be read, is longer than 1 MB, is not YAML, nests more than 50 deep, or uses aliases.
    """
    try:
        return deepcopy(parse(read_bounded(path), path))
    except (YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise UserError("The parameter file is not valid YAML.", where=path, found=str(error)[:500]) from None
    except OSError as error:
        raise UserError("The parameter file cannot be read.", where=path, found=error.strerror or str(error)) from None


@lru_cache(maxsize=2)
def parse(data: bytes, path: Path) -> Any:
    """The content of YAML text that was read from `path`. Raises UserError and YAMLError like `check_events`."""
    check_events(data, path)
    return YAML(typ="safe", pure=True).load(data)


def read_bounded(path: Path) -> bytes:
    """The bytes of a parameter file. Raises UserError if it is too long for one, and OSError."""
    with path.open("rb") as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UserError("The parameter file is too long.", where=path, expected=f"at most {MOST_BYTES:,} bytes")
    return data


def check_events(data: bytes, path: Path) -> None:
    """Raise UserError for an alias, or for too deep nesting; YAMLError if it is not YAML."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(data):
        place = f"{path}, line {event.start_mark.line + 1}"
        if isinstance(event, AliasEvent):
            raise UserError(
                "The parameter file uses an alias.",
                where=place,
                expected="plain values",
                found=f"*{event.anchor}",
                fix="write the value out where it is used",
            )
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            raise UserError("The parameter file is nested too deep.", where=place, expected=f"at most {DEEPEST} levels")
