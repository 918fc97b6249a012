"""TLS: certificates are checked against the name in the address, and what is no TLS has its reason."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fetch.web.asking import Row, ask, row
from tests.fetch.web.misbehaving import Server

from pipeline.fetch.web.reasons import Reason

CERTIFICATE = Path(__file__).parent / "self_signed.pem"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def trusting() -> ssl.SSLContext:
    """A client's settings that trust the test's certificate."""
    return ssl.create_default_context(cafile=str(CERTIFICATE))


def serving_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def found(
    url: str,
    handler: Handler,
    tls: ssl.SSLContext | None = None,
    client: ssl.SSLContext | None = None,
    **changes: Any,
) -> Row:
    """What comes of an address whose server is `handler`."""

    async def run() -> Row:
        server = Server()
        listening = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=tls)
        server.port = listening.sockets[0].getsockname()[1]
        (answer,) = await ask([url], server, tls=client, **changes)
        listening.close()
        return row(answer)

    return asyncio.run(run())


async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(5)
    writer.close()


async def talks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(5)
    writer.write(b"220 mail.example.org ESMTP\r\n")
    await writer.drain()
    writer.close()


TLS: Row = (Reason.TLS, None, 1)


@pytest.mark.parametrize(
    ("url", "client", "expected"),
    [
        ("https://outside.test:PORT/good", trusting(), "picture"),
        ("https://outside.test:PORT/good", None, TLS),
        ("https://both.test:PORT/good", trusting(), TLS),
        ("http://outside.test:PORT/good", trusting(), (Reason.CONNECTION_LOST, None, 3)),
    ],
    ids=["trusted", "self-signed", "of another name", "plain to a TLS port"],
)
def test_a_server_with_a_certificate(url: str, client: ssl.SSLContext | None, expected: Row) -> None:
    assert found(url, Server().answer, serving_tls(), client) == expected


@pytest.mark.parametrize(
    ("handler", "changes", "expected"),
    [
        (silent, {"connect_seconds": 0.2}, (Reason.TIMEOUT, None, 3)),
        (hangs_up, {}, (Reason.CONNECT, None, 3)),
        (talks, {}, TLS),
        (Server().answer, {}, TLS),
    ],
    ids=["silence", "hangs up", "another protocol", "plain HTTP"],
)
def test_a_server_that_speaks_no_tls(handler: Handler, changes: dict[str, Any], expected: Row) -> None:
    assert found("https://outside.test:PORT/good", handler, **changes) == expected
