"""Where each file of a tar lies, with a check that the tar is whole.

A tar ends with blocks of zeros. Python's reader stops silently at a damaged header or at the end of a cut
file, so the index asks for that end mark itself: without it the file was cut off or damaged on its way.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.fetch.raw.place import Place

BLOCK = tarfile.BLOCKSIZE


def scan_tar(path: Path, where: str = "") -> list[Place]:
    """The places of a tar's regular files, in its order; `where` (default: the path) names the tar in them.

    Raises UserError if the file is missing, is not a tar, or is cut off.
    """
    where = where or str(path)
    places: list[Place] = []
    end = 0
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                size = info.size if info.isreg() else 0
                end = info.offset_data + -(-size // BLOCK) * BLOCK
                if info.isreg():
                    places.append(Place(where, info.name, info.offset_data, size))
    except FileNotFoundError:
        raise UserError("A tar file is missing.", where=where) from None
    except (tarfile.TarError, OSError, EOFError) as error:
        raise damaged(where, f"{path.stat().st_size} bytes; {error}") from None
    check_end(path, end, where)
    return places


def check_end(path: Path, end: int, where: object) -> None:
    """Raise UserError unless a block of zeros follows the last member, which ends at byte `end`."""
    with path.open("rb") as stream:
        stream.seek(end)
        block = stream.read(BLOCK)
    if len(block) < BLOCK or block.strip(b"\0"):
        content = "no end mark" if block else "nothing"
        raise damaged(where, f"{content} after byte {end} of {path.stat().st_size}")


def damaged(where: object, found: str) -> UserError:
    """The error for a tar that is not whole."""
    return UserError(
        "A tar file is cut off or damaged.",
        where=where,
        expected="a whole, uncompressed tar with its end mark",
        found=found,
        fix="fetch or copy it again",
    )
