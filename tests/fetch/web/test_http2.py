"""The client beside a server that speaks HTTP/2, soundly or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from tests.fetch.web.asking import NO_END, SILENCE, Row
from tests.fetch.web.misbehaving import JPEG
from tests.fetch.web.test_tls import found, serving_tls, trusting

from pipeline.fetch.web.reasons import Reason

Script = Callable[[H2Connection, int], bytes | None]
"""What is done with a request of a connection; the bytes that it returns are sent as they are."""


def headers(*more: tuple[str, str], status: str = "200", end: bool = False) -> Script:
    return lambda connection, stream: connection.send_headers(stream, [(":status", status), *more], end)


def body(data: bytes, end: bool = True) -> Script:
    return lambda connection, stream: connection.send_data(stream, data, end)


def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + content


def ping_flood(_connection: H2Connection, _stream: int) -> bytes:
    return frame(6, 0, 0, bytes(8)) * 10_000


LOST: Row = (Reason.CONNECTION_LOST, None, 3)
SCRIPTS: dict[str, tuple[list[Script], Row]] = {
    "picture": ([headers(), body(JPEG)], "picture"),
    "103 first": ([headers(status="103"), headers(), body(JPEG)], "picture"),
    "404": ([headers(status="404", end=True)], (Reason.HTTP_4XX, 404, 1)),
    "opted out": ([headers(("x-robots-tag", "NoAI")), body(JPEG)], (Reason.OPTED_OUT, 200, 1)),
    "5 GB": ([headers(("content-length", "5000000000")), body(JPEG, False)], (Reason.TOO_LARGE, 200, 1)),
    "stream reset": ([lambda connection, stream: connection.reset_stream(stream)], LOST),
    "stream reset in the body": (
        [headers(), body(JPEG[:-10], False), lambda connection, stream: connection.reset_stream(stream)],
        LOST,
    ),
    "body cut off": ([headers(), body(JPEG[:-10], False)], LOST),
    "goes away": ([lambda connection, _: connection.close_connection()], LOST),
    "garbage": ([lambda *_: b"garbage" * 100], LOST),
    "HTTP/1.1": ([lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], LOST),
    "many headers": ([headers(*((f"x{number}", "y" * 1000) for number in range(100)))], LOST),
    "a flood of continuations": (
        [lambda _, stream: frame(1, 0, stream, b"") + frame(9, 0, stream, b"") * 10_000],
        LOST,
    ),
    "a frame of 16 MB": ([lambda _, stream: frame(0, 0, stream, bytes(16_000_000))], LOST),
    "no status": ([lambda _, stream: frame(1, 4, stream, b"\x00\x01x\x01y")], LOST),
}


async def play(scripts: list[Script], hold: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = H2Connection(H2Configuration(client_side=False, validate_outbound_headers=False))
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    try:
        while data := await reader.read(65_536):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    for script in scripts:
                        raw = script(connection, event.stream_id)
                        writer.write(connection.data_to_send() + (raw or b""))
                        await writer.drain()
                    if not hold:
                        return
            writer.write(connection.data_to_send())
    except OSError:
        pass
    finally:
        writer.close()


def came(scripts: list[Script], hold: bool = False, **changes: Any) -> Row:
    tls = serving_tls()
    tls.set_alpn_protocols(["h2"])
    client = trusting()
    client.set_alpn_protocols(["http/1.1", "h2"])
    url = "https://outside.test:PORT/a.jpg"
    return found(url, lambda reader, writer: play(scripts, hold, reader, writer), tls, client, **changes)


@pytest.mark.parametrize(("scripts", "expected"), SCRIPTS.values(), ids=SCRIPTS)
def test_every_answer_in_http2_ends_in_its_row(scripts: list[Script], expected: Row) -> None:
    assert came(scripts) == expected


def test_silence_in_http2_ends_each_attempt() -> None:
    assert came([], hold=True, **SILENCE) == (Reason.TIMEOUT, None, 3)
    assert came([headers(), body(JPEG[:-10], False)], hold=True, **SILENCE) == (Reason.TIMEOUT, None, 3)


def test_pings_do_not_hold_a_request_for_longer() -> None:
    assert came([ping_flood] * 20, hold=True, **NO_END) == (Reason.TIMEOUT, None, 1)
