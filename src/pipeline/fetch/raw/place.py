"""Where an image's bytes lie: in a file of its own, or inside a tar or zip file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from pipeline.core.errors import UserError

MOST_BYTES = 1 << 29
"""A larger file is no picture, or an archive says so of a file that unpacks to far more than it takes."""


@dataclass(frozen=True)
class Place:
    """A file (relative to the root); for an image inside an archive also its member and, in a tar, offset and size."""

    file: str
    member: str = ""
    offset: int = 0
    size: int = 0

    @property
    def path(self) -> str:
        """The image's own path: inside the archive, or of the file."""
        return self.member or self.file

    def __str__(self) -> str:
        return f"{self.file}: {self.member}" if self.member else self.file


def check_size(size: int, place: Place) -> None:
    """Raise UserError if a file is too large to be a picture; `size` is its length when it is unpacked."""
    if size > MOST_BYTES:
        raise UserError(
            "An image's file is too large.",
            where=place,
            expected=f"at most {MOST_BYTES:,} bytes",
            found=f"{size:,} bytes",
            fix="remove it together with its entry in the list of images",
        )


def read_slice(tar: BinaryIO, place: Place) -> bytes:
    """The bytes of one file inside an open tar. Raises UserError if it is too large to be a picture."""
    check_size(place.size, place)
    tar.seek(place.offset)
    return tar.read(place.size)
