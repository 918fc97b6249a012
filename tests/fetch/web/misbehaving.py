"""A server that misbehaves in every way that a picture's server may, one way per path.

`test_answers.py` and `test_redirects.py` give it whole answers (`raw`); the ways here need more than one.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import socket
import struct
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from PIL import Image


def picture(size: int = 64, form: str = "JPEG") -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((size, size)).convert("RGB").save(stream, form)
    return stream.getvalue()


def bomb() -> bytes:
    """A PNG of 65,000 x 65,000 pixels in a few bytes, as its header says."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 65_000, 65_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IEND\xaeB\x60\x82"


JPEG = picture()
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIPPED_BOMB = gzip.compress(bytes(50_000_000))


def message(
    body: bytes, status: str = "200 OK", headers: Mapping[str, str] | None = None, length: int | None = None
) -> bytes:
    lines = {"Content-Type": "image/jpeg", "Content-Length": str(len(body) if length is None else length)}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**lines, **(headers or {})}.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


class Server:
    """Counts the requests for each path, and says at which port it listens."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.port = 0
        self.agents: list[str] = []
        self.extra: dict[str, bytes | None] = {}
        """Further pictures by path; None answers with status 500."""
        self.seconds = 0.0
        """How long every answer takes."""
        self.raw: dict[str, bytes] = {}
        """Whole answers by path, after which the connection ends."""
        self.kept: dict[str, bytes] = {}
        """Whole answers by path, after which the connection stays open."""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while first := await reader.readexactly(1):
                if first == b"\x16":
                    # A TLS handshake; this server speaks plain HTTP.
                    writer.write(message(b"", "400 Bad Request"))
                    break
                request = first + await reader.readuntil(b"\r\n\r\n")
                lines = request.decode("latin-1").split("\r\n")
                path = lines[0].split(" ")[1].partition("?")[0]
                self.asked[path] += 1
                self.agents += [line for line in lines if line.lower().startswith("user-agent")]
                await self.respond(path, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, OSError):
            pass
        finally:
            writer.close()

    async def respond(self, path: str, writer: asyncio.StreamWriter) -> None:
        simple = {
            "/good": message(JPEG),
            "/no_length": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + JPEG,
            "/gzip": message(gzip.compress(JPEG), headers={"Content-Encoding": "gzip"}),
            "/deflate": message(zlib.compress(JPEG), headers={"Content-Encoding": "deflate"}),
            "/brotli": message(JPEG, headers={"Content-Encoding": "br"}),
            "/gzip_bomb": message(GZIPPED_BOMB, headers={"Content-Encoding": "gzip"}),
            "/gzip_cut": message(gzip.compress(JPEG)[:-9], headers={"Content-Encoding": "gzip"}),
            "/missing": message(b"", "404 Not Found"),
            "/gone": message(b"", "410 Gone"),
            "/always_500": message(b"", "500 Oops"),
            "/always_429": message(b"", "429 Slow", headers={"Retry-After": "1"}),
            "/wait_long": message(b"", "503 Later", headers={"Retry-After": "86400"}),
            "/declares_5_gb": message(JPEG, length=5_000_000_000),
            "/html": message(b"<html>no picture</html>"),
            "/empty": message(b""),
            "/truncated": message(JPEG[: len(JPEG) // 2]),
            "/bomb": message(bomb()),
            "/opted_out": message(JPEG, headers={"X-Robots-Tag": "googlebot: nosnippet, noimageai"}),
            "/opted_out_all": message(JPEG, headers={"X-Robots-Tag": "noai"}),
            "/loop": message(b"", "302 Found", {"Location": "/loop"}),
            "/away": message(b"", "302 Found", {"Location": f"http://inside.test:{self.port}/good"}),
            "/to_metadata": message(b"", "302 Found", {"Location": "http://169.254.169.254/latest/meta-data"}),
            "/to_file": message(b"", "302 Found", {"Location": "file:///etc/passwd"}),
            "/moved": message(b"", "301 Moved", {"Location": "good"}),
            "/not_modified": message(b"", "304 Not Modified"),
            "/not_http": b"SSH-2.0-OpenSSH\r\n",
        }
        await asyncio.sleep(self.seconds)
        if path in self.raw:
            writer.write(self.raw[path])
            await self.end(writer)
        elif path in self.kept:
            writer.write(self.kept[path])
        elif path in self.extra:
            found = self.extra[path]
            writer.write(message(b"", "500 Oops") if found is None else message(found))
        elif path in simple:
            writer.write(simple[path])
            if path in ("/no_length", "/declares_5_gb", "/not_http"):
                await self.end(writer)
        elif path == "/slow_headers":
            await asyncio.sleep(30)
        elif path == "/slow_body":
            writer.write(message(JPEG)[:-10])
            await writer.drain()
            await asyncio.sleep(30)
        elif path == "/drip":
            await self.without_end(writer, message(b"", length=10_000), b"x", 0.05)
        elif path == "/drip_headers":
            await self.without_end(writer, b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.05)
        elif path == "/endless_headers":
            await self.without_end(writer, b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000)
        elif path == "/endless_1xx":
            await self.without_end(writer, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
        elif path == "/endless_tiny_chunks":
            await self.without_end(writer, CHUNKED, b"1\r\nx\r\n" * 1000)
        elif path == "/reset":
            self.reset(writer)
        elif path == "/reset_in_body":
            writer.write(message(JPEG)[:-10])
            await writer.drain()
            self.reset(writer)
        elif path == "/wrong_length":
            writer.write(message(JPEG, length=len(JPEG) + 10))
            await self.end(writer)
        elif path == "/endless":
            await self.without_end(writer, CHUNKED, b"10000\r\n" + bytes(0x10000) + b"\r\n")
        elif path == "/twice_500":
            writer.write(message(b"", "500 Oops") if self.asked[path] < 3 else message(JPEG))
        elif path == "/once_429":
            writer.write(
                message(b"", "429 Slow", headers={"Retry-After": "0"}) if self.asked[path] < 2 else message(JPEG)
            )
        else:
            raise AssertionError(path)

    async def without_end(self, writer: asyncio.StreamWriter, first: bytes, then: bytes, seconds: float = 0.0) -> None:
        writer.write(first)
        while True:
            writer.write(then)
            await writer.drain()
            await asyncio.sleep(seconds)

    def reset(self, writer: asyncio.StreamWriter) -> None:
        """End the connection with RST instead of FIN."""
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        raise ConnectionError

    async def end(self, writer: asyncio.StreamWriter) -> None:
        await writer.drain()
        writer.close()
        raise ConnectionError


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """The server, at a free port of 127.0.0.1."""
    server = Server()
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
