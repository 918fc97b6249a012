"""A client that asks the misbehaving server: without pauses between attempts, and with names of the test."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any

import httpcore2
from tests.fetch.web.misbehaving import JPEG, Server, serving

from pipeline.fetch.web.client import Client, Fetched, Unfetched
from pipeline.fetch.web.params import WebParams
from pipeline.fetch.web.reasons import Failure, Reason
from pipeline.fetch.web.resolver import Resolver

PATIENT: dict[str, Any] = {
    "connect_seconds": 60.0, "read_seconds": 60.0, "total_seconds": 120.0, "attempts": 3, "max_megabytes": 1.0
}  # fmt: skip
"""Time-outs that no answer reaches, on a busy machine either."""
SILENCE: dict[str, Any] = {"read_seconds": 0.2}
"""For servers that keep silent for good."""
NO_END: dict[str, Any] = {"total_seconds": 0.5}
"""For servers that never end."""

Row = tuple[Reason, int | None, int] | str
"""Reason, status and attempts of a failure; "picture"; or "other bytes"."""


def lookup(host: str) -> Sequence[str] | Failure:
    """Names of the test: the server stands for a public host, `inside.test` for one in the own network."""
    known = {"outside.test": ["127.0.0.1"], "inside.test": ["10.0.0.1"], "both.test": ["10.0.0.1", "127.0.0.1"]}
    if host == "outage.test":
        return Failure(Reason.DNS)
    return known.get(host) or ([host] if host[0].isdigit() or ":" in host else Failure(Reason.NO_SUCH_HOST))


async def ask(
    urls: Sequence[str],
    server: Server,
    pauses: list[float] | None = None,
    tls: ssl.SSLContext | None = None,
    **changes: Any,
) -> list[Fetched | Unfetched]:
    """What comes of addresses, whose PORT is the server's; `pauses` takes the seconds that the client would wait."""

    async def no_pause(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)

    params = WebParams.model_validate({**PATIENT, **changes})
    client = Client(params, Resolver(lookup), no_pause, tls=tls or httpcore2.default_ssl_context())
    try:
        return await asyncio.gather(*(client.fetch(url.replace("PORT", str(server.port))) for url in urls))
    finally:
        await client.close()


def rows(paths: Sequence[str], raw: dict[str, bytes] | None = None, **changes: Any) -> dict[str, Row]:
    """What comes of paths of the server, which answers those in `raw` with the bytes given."""

    async def run() -> list[Fetched | Unfetched]:
        async with serving() as server:
            # Paths are numbers, since a name may hold what is no part of an address.
            server.raw = {f"/{number}": (raw or {})[path] for number, path in enumerate(paths) if path in (raw or {})}
            names = [str(number) if path in (raw or {}) else path for number, path in enumerate(paths)]
            return await ask([f"http://outside.test:PORT/{name}" for name in names], server, **changes)

    return dict(zip(paths, map(row, asyncio.run(run())), strict=True))


def row(of: Fetched | Unfetched) -> Row:
    """The row of a table of expectations for what came."""
    if isinstance(of, Unfetched):
        return of.failure.reason, of.failure.status, of.attempts
    return "picture" if of.data == JPEG else "other bytes"
