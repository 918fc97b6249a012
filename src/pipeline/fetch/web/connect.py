"""Connections to addresses that were checked.

The check belongs to the moment of connecting: a name that was harmless when it was looked up before may resolve to
another address now (DNS rebinding), and every redirect connects anew. So this is the one place that resolves names, and
it connects to the very address that it has checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from httpcore2 import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream, ConnectError, ConnectTimeout

from pipeline.fetch.web.addresses import is_public
from pipeline.fetch.web.reasons import Failure, Reason
from pipeline.fetch.web.resolver import Resolver

MOST_ADDRESSES = 3
"""Addresses of one host that are tried, one after the other."""


class CheckedConnections(AsyncNetworkBackend):
    """Opens connections for httpcore2, to public addresses alone unless `allow_private`."""

    def __init__(self, resolver: Resolver, allow_private: bool) -> None:
        self._resolver, self._allow_private = resolver, allow_private
        self._sockets = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to one of the host's addresses.

        Raises Failure if the host is unknown or has none that may be asked, and httpcore2's errors if none answers.
        """
        found = await self._resolver.addresses(host)
        allowed = [address for address in found if self._allow_private or is_public(address)][:MOST_ADDRESSES]
        if not allowed:
            raise Failure(Reason.REFUSED_ADDRESS)
        for address in allowed[:-1]:
            try:
                return await self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            except (ConnectError, ConnectTimeout):
                continue
        return await self._sockets.connect_tcp(allowed[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._sockets.sleep(seconds)
