"""Bytes that may be read only so often.

Some megabytes of markers or chunks without content keep a decoder busy for minutes, since it reads each of them. A
sound picture is read in parts of a hundred bytes and more. So the number of reads is limited by the picture's length. A
small picture is not worth counting: it is read within a second, whatever it holds.
"""

from __future__ import annotations

import io

SMALL = 1 << 18
"""Bytes; reads of a picture that has no more are not counted."""
BYTES_A_READ = 16
"""A picture may be read once for so many bytes that it has."""


class TooManyReads(ValueError):
    """A picture whose decoder reads it far more often than a sound one needs."""


class RationedBytes(io.BytesIO):
    """Bytes as a stream, whose `read` raises TooManyReads beyond the limit."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.left = len(data) // BYTES_A_READ

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, as `io.BytesIO.read` gives them."""
        self.left -= 1
        if self.left < 0:
            raise TooManyReads
        return super().read(size)


def picture_stream(data: bytes) -> io.BytesIO:
    """A picture's bytes as a stream that no decoder reads for long."""
    return RationedBytes(data) if len(data) > SMALL else io.BytesIO(data)
