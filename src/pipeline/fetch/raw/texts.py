"""Texts as they enter: on one line, in characters that UTF-8 can write and a page can show.

Official files hold NUL bytes, escape sequences, marks that turn the direction of a line, byte order marks, and in JSON
half surrogate pairs (`\\ud83d` alone). None of them is part of a sentence.
"""

from __future__ import annotations

import re

INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # control characters, without those that count as white space
    "\u202a-\u202e\u2066-\u2069"  # overrides, embeddings and isolates of direction
    "\ufeff]"  # byte order mark
)
LONGEST_TEXT = 10_000
"""Characters; a longer text is no sentence about a picture, but a page or a damaged file."""
MOST_CHARACTERS = 1 << 22
"""A longer text is not even cleaned: it would take many times its memory."""
LINES = re.compile(r"[\r\n]+")


def clean(text: str) -> str:
    """A text that UTF-8 can write: half a surrogate pair becomes "?"."""
    return text.encode("utf-8", "replace").decode()


def clean_url(url: str) -> str:
    """A url without what cannot be seen, line ends and tabs, as browsers read it."""
    return re.sub("[\t\r\n]", "", INVISIBLE.sub("", clean(url))).strip()


def clean_text(text: str) -> str:
    """A text on one line, without leading, trailing or repeated spaces and without characters that cannot be seen.

    Half a surrogate pair becomes "?".
    """
    return " ".join(INVISIBLE.sub("", clean(text)).split())


def clean_lines(text: str) -> list[str]:
    """The lines of a text that have something in them, each as `clean_text` gives it."""
    return [line for line in map(clean_text, LINES.split(text)) if line]
