"""Parameters to read in a terminal: one line with key, type, bounds and default, the description below it."""

from __future__ import annotations

import itertools
import shutil
import textwrap
from collections.abc import Iterator, Sequence

import typer

from pipeline.core.parameters.describe import REQUIRED, Row

WIDEST = 120
INDENT = "    "


def terminal_width() -> int:
    """Columns of the terminal (80 if there is none), at most 120."""
    return min(WIDEST, shutil.get_terminal_size().columns)


def listing(rows: Sequence[Row], width: int) -> str:
    """The rows in lines of at most `width` columns, keys in bold; an empty line stands before each group."""
    blocks = ["\n".join(lines(row, width)) for row in rows]
    starts = [False, *(starts_group(row, before) for before, row in itertools.pairwise(rows))]
    return "\n".join(f"\n{block}" if start else block for block, start in zip(blocks, starts, strict=True))


def starts_group(row: Row, before: Row) -> bool:
    """Whether a row opens a group, or goes on outside the group of the row before."""
    return row.heads or (not before.heads and parent(row) != parent(before))


def parent(row: Row) -> str:
    """The key that holds a row's key."""
    return row.key.rpartition(".")[0]


def lines(row: Row, width: int) -> Iterator[str]:
    """The lines of one row."""
    first, *more = wrapped(f"{row.key}: {facts(row)}", width, "", INDENT)
    yield typer.style(row.key, bold=True) + first[len(row.key) :]
    yield from more
    yield from wrapped(row.description, width, INDENT, INDENT)


def wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    """Text in lines of at most `width` columns, which begin with `first` and then `rest`; no word is divided."""
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def facts(row: Row) -> str:
    """Type, bounds and default: "number, 0 to 1, default 0.5"."""
    default = row.default if row.default in ("", REQUIRED) else f"default {row.default}"
    return ", ".join(filter(None, (row.type, row.bounds, default)))
