"""Texts of others, shown so that they can do nothing but be read.

A caption, a key or a file's name may hold characters that are instructions: ESC moves a terminal's cursor, U+202E turns
the order of what follows, NUL ends a text, half of a surrogate pair cannot be encoded. Each is shown as Python writes
it (`\\x1b`, `\\u202e`). Line breaks and tabs stay, and so do the joiners that scripts and emoji need.
"""

from __future__ import annotations

import re

HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # of direction
    "\u2028\u2029\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"  # breaks, and what has no width
    "\ud800-\udfff\U000e0000-\U000e007f"  # halves of pairs, and tags
    "]"
)


def visible(text: str) -> str:
    """The text with every character that is not to be seen written out.

    >>> visible("a\\x1b[2Jb\\u202ec\\n")
    'a\\\\x1b[2Jb\\\\u202ec\\n'
    """
    return HIDDEN.sub(lambda found: ascii(found[0])[1:-1], text)
