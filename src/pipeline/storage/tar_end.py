"""Whether a tar is whole.

A tar ends with blocks of zeros, and nothing but zeros follows. Python's reader stops without a word at a damaged
header, at the end of a cut file, and at the first block of zeros, though that may be a hole in the middle, or the end
mark of a first tar behind which a second one stands. So what stands behind the last file that was read is looked at.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

BLOCK = tarfile.BLOCKSIZE
CHUNK = 1 << 20
MOST_ZEROS = 1 << 20
"""Writers fill a tar up to the next 10 kB or so; far more zeros are a hole at the end of a copy that broke off."""


def fault_after(path: Path, end: int) -> str:
    """What is wrong with what follows the last file of a tar, which ends at byte `end`; empty if nothing is."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(end)
        block = stream.read(BLOCK)
        if len(block) < BLOCK or block.strip(b"\0"):
            return f"{'no end mark' if block else 'nothing'} after byte {end} of {size}"
        position = end + BLOCK
        while chunk := stream.read(CHUNK):
            rest = chunk.lstrip(b"\0")
            if rest:
                start = (position + len(chunk) - len(rest)) // BLOCK * BLOCK
                stream.seek(start)
                return f"an end mark at byte {end} of {size}, but {name_of(stream.read(BLOCK))} at byte {start}"
            position += len(chunk)
    if size - end > MOST_ZEROS:
        return f"nothing but zeros from byte {end} to the end at {size}: a hole"
    return ""


def name_of(block: bytes) -> str:
    """What a block behind the end mark is, in words."""
    try:
        member = tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return "more data"
    return f"another file ({member.name!a})"
