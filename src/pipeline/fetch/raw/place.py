"""Where an image's bytes lie: in a file of its own, or inside a tar or zip file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO


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


def read_slice(tar: BinaryIO, place: Place) -> bytes:
    """The bytes of one file inside an open tar."""
    tar.seek(place.offset)
    return tar.read(place.size)
