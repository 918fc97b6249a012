"""The body of an answer, bounded while it is read, and unpacked if the server packed it though it was asked not to."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable

from pipeline.fetch.web.reasons import Failure, Reason

WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""zlib's window bits by content encoding: 31 reads gzip's header, 15 zlib's."""


async def read_body(parts: AsyncIterable[bytes], encoding: str, declared: str | None, limit: int) -> bytes:
    """The body as the picture's bytes.

    encoding: the header Content-Encoding; declared: Content-Length. Raises Failure if the body is longer than `limit`,
    as declared, as received or unpacked, or if its encoding is unknown or damaged.
    """
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", *WINDOWS):
        raise Failure(Reason.ENCODED, 200)
    if declared and declared.isascii() and declared.isdigit() and int(declared[:19]) > limit:
        raise Failure(Reason.TOO_LARGE, 200)
    body = bytearray()
    async for part in parts:
        body += part
        if len(body) > limit:
            raise Failure(Reason.TOO_LARGE, 200)
    return unpacked(bytes(body), WINDOWS[encoding], limit) if encoding in WINDOWS else bytes(body)


def unpacked(data: bytes, window: int, limit: int) -> bytes:
    """Unpacked bytes, never more than `limit` of them in memory. Raises Failure if there are more, or if damaged."""
    unpacker = zlib.decompressobj(window)
    try:
        body = unpacker.decompress(data, limit + 1)
    except zlib.error:
        raise Failure(Reason.ENCODED, 200) from None
    if len(body) > limit:
        raise Failure(Reason.TOO_LARGE, 200)
    if not unpacker.eof:
        raise Failure(Reason.CONNECTION_LOST, 200)
    return body
