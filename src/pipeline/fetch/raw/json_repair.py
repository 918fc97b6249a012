"""JSON as pandas and `json.dump` write it, made readable for a parser that keeps to the standard.

Both write gaps as NaN and numbers too large as Infinity; Python writes whole numbers of any length. Outside of texts
NaN and Infinity become null, and a whole number that 64 bits cannot hold gets ".0". Bytes come in parts, whose borders
may cut a text, an escape or a number anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

TEXT = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
"""A text behind its opening mark, up to its closing one or to where the part ends."""
ODD = re.compile(rb"-?(?:NaN|Infinity)|-?[0-9]{19,}(?![0-9.eE])")
WORD = re.compile(rb"[-+.0-9A-Za-z]{1,40}\Z")
"""What the next part may continue. A longer run is no number that anyone means, so it may be cut."""


def repaired(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts of a file in JSON with odd numbers replaced."""
    rest, inside = b"", False
    for part in parts:
        done, rest, inside = repaired_part(rest + part, inside)
        yield done
    yield ODD.sub(replacement, rest)


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
