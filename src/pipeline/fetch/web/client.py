"""One picture's bytes from its address: redirects, attempts, pauses and limits.

    fetch           attempts until one succeeds, fails for good, or the time is up
    _follow         one attempt: request after request along the redirects
    _answer         one request

Each host has a pool of connections of its own, which also bounds the requests to it; pools of hosts that nobody asks
are closed, the longest idle first. (One pool for all hosts, as httpx2 keeps it, looks through all its connections at
every request: with 250 hosts a request took 2.5 times as much of the processor.) The time for one picture bounds all:
nothing that a server does or leaves undone holds a request longer.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from time import monotonic
from typing import Any

import httpcore2
from httpx2 import URL, InvalidURL

from pipeline.fetch.web.bodies import read_body
from pipeline.fetch.web.connect import CheckedConnections
from pipeline.fetch.web.headers import location, opted_out, seconds_to_wait
from pipeline.fetch.web.params import WebParams
from pipeline.fetch.web.reasons import Failure, Reason, of_status
from pipeline.fetch.web.resolver import Resolver

AGENT = "FineAlign"
IDLE_POOLS = 64
FIRST_PAUSE = 1.0
"""Seconds; each further pause is twice as long. A random part of up to a half is added, so that retries spread."""
REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True)
class Fetched:
    """A picture's bytes, and how many attempts it took."""

    data: bytes
    attempts: int


@dataclass(frozen=True)
class Unfetched:
    """The last failure, and how many attempts were made."""

    failure: Failure
    attempts: int


@dataclass
class Pool:
    """One host's connections, and how many requests use them."""

    connections: httpcore2.AsyncConnectionPool
    users: int = 0


@dataclass
class Client:
    """Fetches pictures, for one event loop. `pause` waits; random numbers spread the pauses only."""

    params: WebParams
    resolver: Resolver = field(default_factory=Resolver)
    pause: Callable[[float], Any] = asyncio.sleep
    pools: OrderedDict[tuple[bytes, bytes, int | None], Pool] = field(default_factory=OrderedDict)
    tls: ssl.SSLContext = field(default_factory=httpcore2.default_ssl_context)

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """What every request says of us, and what it asks for."""
        contact = f" (+{self.params.contact})" if self.params.contact else ""
        agent = f"{AGENT}/{version('finealign')}{contact}"
        return [("User-Agent", agent), ("Accept", "image/*"), ("Accept-Encoding", "identity")]

    async def fetch(self, url: str) -> Fetched | Unfetched:
        """A picture's bytes, or why there are none. Never raises, never takes longer than `total_seconds`."""
        end = monotonic() + self.params.total_seconds
        attempt, failure = 0, Failure(Reason.TIMEOUT)
        while attempt < self.params.attempts:
            attempt += 1
            try:
                async with asyncio.timeout(end - monotonic()):
                    return Fetched(await self._follow(url), attempt)
            except TimeoutError:
                return Unfetched(Failure(Reason.TIMEOUT), attempt)
            except Failure as error:
                failure = error
            wait = max(FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(1, 1.5), failure.retry_after or 0)
            if not failure.temporary or monotonic() + wait >= end:
                break
            if attempt < self.params.attempts:
                await self.pause(wait)
        return Unfetched(failure, attempt)

    async def close(self) -> None:
        """Close all connections."""
        self.resolver.close()
        for pool in self.pools.values():
            await pool.connections.aclose()

    async def _follow(self, url: str) -> bytes:
        current = parsed(url)
        for _ in range(self.params.max_redirects + 1):
            answer = await self._answer(current)
            if isinstance(answer, bytes):
                return answer
            current = answer
        raise Failure(Reason.REDIRECTS)

    async def _answer(self, url: URL) -> bytes | URL:
        """The picture, or where the server sends us instead."""
        seconds = {"connect": self.params.connect_seconds, "read": self.params.read_seconds}
        request = httpcore2.Request(
            "GET",
            httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=[("Host", url.netloc.decode()), *self.headers],
            extensions={"timeout": {**seconds, "write": self.params.read_seconds}},
        )
        try:
            async with self._pool(url) as pool:
                response = await pool.handle_async_request(request)
                try:
                    return await self._read(url, response)
                finally:
                    await response.aclose()
        except Failure:
            raise
        except httpcore2.TimeoutException:
            raise Failure(Reason.TIMEOUT) from None
        except httpcore2.ConnectError as error:
            raise Failure(Reason.TLS if isinstance(error.__context__, ssl.SSLError) else Reason.CONNECT) from None
        except Exception:
            # Odd bytes make the libraries below raise errors of many kinds, and no answer may end a crawl.
            raise Failure(Reason.CONNECTION_LOST) from None

    async def _read(self, url: URL, response: httpcore2.Response) -> bytes | URL:
        headers: dict[str, str] = {}
        for name, value in response.headers:
            headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        if response.status in REDIRECTS and headers.get("location"):
            return parsed(location(headers["location"]), url)
        if response.status != 200:
            raise of_status(response.status, seconds_to_wait(headers.get("retry-after")))
        tags = [value.decode("latin-1") for name, value in response.headers if name.lower() == b"x-robots-tag"]
        if self.params.honour_opt_out and opted_out(tags, AGENT):
            raise Failure(Reason.OPTED_OUT, 200)
        limit = int(self.params.max_megabytes * 1e6)
        parts = response.aiter_stream()
        return await read_body(parts, headers.get("content-encoding", ""), headers.get("content-length"), limit)

    @asynccontextmanager
    async def _pool(self, url: URL) -> AsyncIterator[httpcore2.AsyncConnectionPool]:
        key = (url.raw_scheme, url.raw_host, url.port)
        if key not in self.pools:
            self.pools[key] = Pool(self._new_pool())
        pool = self.pools[key]
        self.pools.move_to_end(key)
        pool.users += 1
        try:
            yield pool.connections
        finally:
            pool.users -= 1
            await self._close_idle()

    def _new_pool(self) -> httpcore2.AsyncConnectionPool:
        most = self.params.connections_per_host
        return httpcore2.AsyncConnectionPool(
            ssl_context=self.tls,
            max_connections=most,
            max_keepalive_connections=most,
            keepalive_expiry=self.params.read_seconds,
            http2=True,
            network_backend=CheckedConnections(self.resolver, self.params.allow_private_addresses),
        )

    async def _close_idle(self) -> None:
        idle = [key for key, pool in self.pools.items() if not pool.users]
        for key in idle[: max(0, len(idle) - IDLE_POOLS)]:
            await self.pools.pop(key).connections.aclose()


def parsed(text: str, base: URL | None = None) -> URL:
    """An http or https address without its fragment and password. Raises Failure for any other."""
    try:
        url = base.join(text) if base is not None else URL(text.strip())
        sound = url.scheme in ("http", "https") and url.host != "" and (url.port is None or 0 < url.port < 65_536)
        return url.copy_with(fragment=None, username="", password="") if sound else _bad()
    except (InvalidURL, ValueError, TypeError):
        return _bad()


def _bad() -> URL:
    raise Failure(Reason.BAD_URL)
