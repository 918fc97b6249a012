"""JSON as pandas and `json.dump` write it, made readable for a parser that keeps to the standard and to its limits.

Both write gaps as NaN and numbers too large as Infinity; Python writes whole numbers of any length. Outside of texts
NaN and Infinity become null, and a whole number that 64 bits cannot hold gets ".0". A text of megabytes, whose time in
the parser grows with the square of its length, is cut. Bytes come in parts, whose borders may cut a text, an escape or
a number anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pipeline.fetch.raw.texts import MOST_CHARACTERS

TEXT = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
"""A text behind its opening mark, up to its closing one or to where the part ends."""
ODD = re.compile(rb"-?(?:NaN|Infinity)|-?[0-9]{19,}(?![0-9.eE])")
WORD = re.compile(rb"[-+.0-9A-Za-z]{1,40}\Z")
"""What the next part may continue. A longer run is no number that anyone means, so it may be cut."""
CONTINUED = re.compile(rb"[\x80-\xbf]*")
"""The end of a character in UTF-8 that begins in the part before."""


def repaired(parts: Iterable[bytes], longest: int = MOST_CHARACTERS) -> Iterator[bytes]:
    """The parts of a file in JSON with odd numbers replaced, and long texts cut.

    Of a text of more than `longest` bytes the beginning is left, and so many zeros behind it that every reader that
    takes at most `longest` characters refuses it. They also end an escape that the cut divides. A text may be longer by
    two parts before it is cut. No part but the last is shorter than a character.
    """
    rest, inside, length = b"", False, 0
    for part in parts:
        goes_on = inside
        done, rest, inside = repaired_part(rest + part, inside)
        if goes_on and inside and TEXT.fullmatch(done):
            whole, length = length <= longest, length + len(done)
            if length > longest:
                done = done[: after_character(done)] + b"0" * (longest + 1) if whole else b""
        else:
            done, length = done[after_character(done) if length > longest else 0 :], 0
        yield done
    yield ODD.sub(replacement, rest)


def after_character(data: bytes) -> int:
    """Where the first whole character begins."""
    return CONTINUED.match(data).end()  # type: ignore[union-attr]  # it matches nothing too


def repaired_part(data: bytes, inside: bool) -> tuple[bytes, bytes, bool]:
    """What can be repaired of one part, its rest, and whether it ends inside a text, given whether it begins so."""
    done: list[bytes] = []
    position = 0
    while position < len(data):
        if inside:
            end = TEXT.match(data, position).end()  # type: ignore[union-attr]  # it matches nothing too
            inside = data[end : end + 1] != b'"'
            done.append(data[position : end if inside else end + 1])
            position = end if inside else end + 1
            if inside:
                break
        else:
            end = data.find(b'"', position)
            word = WORD.search(data, max(position, len(data) - 40)) if end < 0 else None
            stop = end + 1 if end >= 0 else word.start() if word else len(data)
            done.append(ODD.sub(replacement, data[position:stop]))
            position, inside = stop, end >= 0
            if word:
                break
    return b"".join(done), data[position:], inside


def replacement(number: re.Match[bytes]) -> bytes:
    """What stands for an odd number: null, or the whole number as a decimal one."""
    text = number.group()
    if text[-1:].isalpha():
        return b"null"
    return text if len(text) < 21 and abs(int(text)) < 2**63 else text + b".0"
