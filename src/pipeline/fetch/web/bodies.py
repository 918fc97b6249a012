"""The body of an answer, bounded while it is read, and unpacked if the server packed it though it was asked not to."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable

from pipeline.fetch.web.reasons import Failure, Reason

WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""zlib's window bits by content encoding: 31 reads gzip's header, 15 zlib's."""
RAW_DEFLATE = -15
"""Window bits without a header, which some servers send as "deflate"."""
NOT_UNPACKED = {"br", "zstd", "compress", "x-compress"}
"""Other encodings. Any other name ("none", "utf-8") is no encoding, so the body is taken as it came, as browsers do."""


async def read_body(parts: AsyncIterable[bytes], encoding: str, declared: str | None, limit: int) -> bytes:
    """The body as the picture's bytes.

    encoding: the header Content-Encoding; declared: Content-Length. Raises Failure if the body is longer than `limit`
    bytes, as declared, as received or unpacked, or if it is packed by something else than gzip or deflate, packed
    twice, or damaged.
    """
    encodings = [name for name in map(str.strip, encoding.lower().split(",")) if name in {*WINDOWS, *NOT_UNPACKED}]
    if len(encodings) > 1 or NOT_UNPACKED.intersection(encodings):
        raise Failure(Reason.ENCODED, 200)
    if declared and declared.isascii() and declared.isdigit() and int(declared[:19]) > limit:
        raise Failure(Reason.TOO_LARGE, 200)
    body = bytearray()
    async for part in parts:
        body += part
        if len(body) > limit:
            raise Failure(Reason.TOO_LARGE, 200)
    return unpacked(bytes(body), encodings[0], limit) if encodings and body else bytes(body)


def unpacked(data: bytes, encoding: str, limit: int) -> bytes:
    """Unpacked bytes, never more than `limit` of them in memory. Raises Failure if there are more, or if damaged."""
    raw = encoding == "deflate" and not has_zlib_header(data)
    unpacker = zlib.decompressobj(RAW_DEFLATE if raw else WINDOWS[encoding])
    try:
        body = unpacker.decompress(data, limit + 1)
    except zlib.error:
        raise Failure(Reason.ENCODED, 200) from None
    if len(body) > limit:
        raise Failure(Reason.TOO_LARGE, 200)
    if not unpacker.eof:
        raise Failure(Reason.CONNECTION_LOST, 200)
    return body


def has_zlib_header(data: bytes) -> bool:
    """Whether data begin as RFC 1950 says: method 8, and a multiple of 31 as the first two bytes."""
    return len(data) >= 2 and data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
