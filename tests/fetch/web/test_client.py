"""The client beside a server that misbehaves: every way ends in its own row, within bounds, and nothing hangs."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fetch.captions.test_mutated_lists import mutated
from tests.fetch.web.misbehaving import JPEG, Server, message, serving

from pipeline.fetch.web import connect
from pipeline.fetch.web.addresses import is_public
from pipeline.fetch.web.client import Client, Fetched, Unfetched
from pipeline.fetch.web.params import WebParams
from pipeline.fetch.web.reasons import Failure, Reason
from pipeline.fetch.web.resolver import Resolver

QUICK: dict[str, Any] = {
    "connect_seconds": 2.0, "read_seconds": 0.5, "total_seconds": 4.0, "attempts": 3, "max_megabytes": 1.0
}  # fmt: skip


def lookup(host: str) -> Sequence[str] | Failure:
    """Names of the test: the server stands for a public host, `inside.test` for one in the own network."""
    known = {"outside.test": ["127.0.0.1"], "inside.test": ["10.0.0.1"], "both.test": ["10.0.0.1", "127.0.0.1"]}
    if host == "outage.test":
        return Failure(Reason.DNS)
    return known.get(host) or ([host] if host[0].isdigit() or ":" in host else Failure(Reason.NO_SUCH_HOST))


async def ask(urls: Sequence[str], server: Server, **changes: Any) -> list[Fetched | Unfetched]:
    async def no_pause(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))

    params = WebParams.model_validate({**QUICK, **changes})
    client = Client(params, Resolver(lookup), no_pause)
    try:
        return await asyncio.gather(*(client.fetch(url.replace("PORT", str(server.port))) for url in urls))
    finally:
        await client.close()


def outcome(of: Fetched | Unfetched) -> object:
    return "picture" if isinstance(of, Fetched) and of.data == JPEG else of


def row(of: Fetched | Unfetched) -> object:
    return (of.failure.reason, of.failure.status, of.attempts) if isinstance(of, Unfetched) else "picture"


@pytest.fixture(autouse=True)
def the_server_counts_as_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "is_public", lambda address: address == "127.0.0.1" or is_public(address))


FAILS = {
    "slow_headers": (Reason.TIMEOUT, None, 3),
    "slow_body": (Reason.TIMEOUT, None, 3),
    "drip": (Reason.TIMEOUT, None, 1),
    "reset": (Reason.CONNECTION_LOST, None, 3),
    "wrong_length": (Reason.CONNECTION_LOST, None, 3),
    "not_http": (Reason.CONNECTION_LOST, None, 3),
    "always_429": (Reason.HTTP_429, 429, 3),
    "always_500": (Reason.HTTP_5XX, 500, 3),
    "wait_long": (Reason.HTTP_5XX, 503, 1),
    "missing": (Reason.HTTP_4XX, 404, 1),
    "gone": (Reason.HTTP_4XX, 410, 1),
    "not_modified": (Reason.HTTP_OTHER, 304, 1),
    "loop": (Reason.REDIRECTS, None, 1),
    "away": (Reason.REFUSED_ADDRESS, None, 1),
    "to_metadata": (Reason.REFUSED_ADDRESS, None, 1),
    "to_file": (Reason.BAD_URL, None, 1),
    "declares_5_gb": (Reason.TOO_LARGE, 200, 1),
    "endless": (Reason.TOO_LARGE, 200, 1),
    "gzip_bomb": (Reason.TOO_LARGE, 200, 1),
    "gzip_cut": (Reason.CONNECTION_LOST, 200, 3),
    "brotli": (Reason.ENCODED, 200, 1),
    "opted_out_all": (Reason.OPTED_OUT, 200, 1),
}


def test_every_way_to_misbehave_has_its_reason_and_nothing_hangs() -> None:
    async def run() -> tuple[list[Fetched | Unfetched], Server]:
        async with serving() as server:
            return await ask([f"http://outside.test:PORT/{path}" for path in FAILS], server), server

    begin = time.monotonic()
    found, server = asyncio.run(run())
    assert time.monotonic() - begin < 12
    rows = {path: row(of) for path, of in zip(FAILS, found, strict=True)}
    assert rows == FAILS
    assert server.asked["/loop"] == QUICK.get("max_redirects", 5) + 1 and server.asked["/missing"] == 1


@pytest.mark.parametrize(
    "path", ["good", "no_length", "gzip", "deflate", "moved", "twice_500", "once_429", "opted_out"]
)
def test_a_picture_comes_after_detours(path: str) -> None:
    async def run() -> tuple[object, Server]:
        async with serving() as server:
            (found,) = await ask([f"http://outside.test:PORT/{path}"], server)
            return outcome(found), server

    found, server = asyncio.run(run())
    assert found == "picture"
    assert server.asked[f"/{path}"] == {"twice_500": 3, "once_429": 2}.get(path, 1)


@pytest.mark.parametrize(
    ("url", "reason", "attempts"),
    [
        ("http://outage.test/a", Reason.DNS, 3),
        ("http://unknown.test/a", Reason.NO_SUCH_HOST, 1),
        ("http://inside.test:PORT/good", Reason.REFUSED_ADDRESS, 1),
        ("http://10.0.0.1/a", Reason.REFUSED_ADDRESS, 1),
        ("http://[::1]:PORT/good", Reason.REFUSED_ADDRESS, 1),
        ("http://outside.test:1/a", Reason.CONNECT, 3),
        ("https://outside.test:PORT/good", Reason.TLS, 1),
        ("ftp://outside.test/a", Reason.BAD_URL, 1),
        ("http://", Reason.BAD_URL, 1),
        ("http://outside.test:99999/", Reason.BAD_URL, 1),
        ("http://[::1", Reason.BAD_URL, 1),
        ("", Reason.BAD_URL, 1),
    ],
)
def test_an_address_that_cannot_be_asked(url: str, reason: Reason, attempts: int) -> None:
    async def run() -> Fetched | Unfetched:
        async with serving() as server:
            return (await ask([url], server))[0]

    found = asyncio.run(run())
    assert isinstance(found, Unfetched) and (found.failure.reason, found.attempts) == (reason, attempts)


def test_a_host_with_an_inner_and_a_public_address_is_asked_at_the_public_one() -> None:
    async def run() -> object:
        async with serving() as server:
            return outcome((await ask(["http://both.test:PORT/good"], server))[0])

    assert asyncio.run(run()) == "picture"


def test_parameters_allow_private_addresses_and_opted_out_pictures() -> None:
    async def run() -> list[object]:
        async with serving() as server:
            urls = ["http://127.0.0.1:PORT/good", "http://outside.test:PORT/opted_out_all"]
            return [outcome(of) for of in await ask(urls, server, allow_private_addresses=True, honour_opt_out=False)]

    assert asyncio.run(run()) == ["picture", "picture"]


def test_a_name_that_resolves_otherwise_later_is_checked_when_connecting() -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    async def run() -> list[object]:
        async with serving() as server:
            client = Client(WebParams.model_validate({**QUICK, "attempts": 1}), Resolver(lambda _host: next(answers)))
            url = f"http://rebinding.test:{server.port}/no_length"
            first = await client.fetch(url)
            client.resolver.answers.clear()
            second = await client.fetch(url)
            await client.close()
            return [outcome(first), second]

    first, second = asyncio.run(run())
    assert first == "picture" and isinstance(second, Unfetched) and second.failure.reason == Reason.REFUSED_ADDRESS


def test_memory_stays_flat_whatever_is_sent() -> None:
    async def run() -> None:
        async with serving() as server:
            await ask(
                [f"http://outside.test:PORT/{path}" for path in ("endless", "gzip_bomb", "declares_5_gb")], server
            )

    tracemalloc.start()
    asyncio.run(run())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15_000_000


def test_requests_say_who_asks() -> None:
    async def run() -> list[str]:
        async with serving() as server:
            await ask(["http://outside.test:PORT/good"], server, contact="lab@example.org")
            return server.agents

    (agent,) = asyncio.run(run())
    assert "FineAlign/" in agent and "lab@example.org" in agent


def test_connections_to_one_host_are_limited_and_names_are_looked_up_once() -> None:
    looked_up: list[str] = []

    def counted(host: str) -> Sequence[str] | Failure:
        looked_up.append(host)
        return lookup(host)

    async def run() -> int:
        most = now = 0
        async with serving() as server:
            client = Client(WebParams.model_validate({**QUICK, "connections_per_host": 3}), Resolver(counted))
            respond = server.respond

            async def count(path: str, writer: asyncio.StreamWriter) -> None:
                nonlocal most, now
                now += 1
                most = max(most, now)
                await asyncio.sleep(0.02)
                now -= 1
                await respond(path, writer)

            server.respond = count  # type: ignore[method-assign]
            await asyncio.gather(*(client.fetch(f"http://outside.test:{server.port}/good") for _ in range(20)))
            await client.close()
        return most

    assert asyncio.run(run()) == 3 and looked_up == ["outside.test"]


GOOD = message(JPEG, headers={"X-Robots-Tag": "all", "Content-Encoding": "identity"})


@settings(max_examples=8, deadline=None)
@given(st.lists(st.binary(max_size=300) | mutated(GOOD), min_size=10, max_size=40))
def test_no_answer_ends_a_crawl(answers: list[bytes]) -> None:
    async def run() -> list[Fetched | Unfetched]:
        async with serving() as server:
            server.raw = {f"/{number}": answer for number, answer in enumerate(answers)}
            return await ask([f"http://outside.test:PORT{path}" for path in server.raw], server, attempts=1)

    assert len(asyncio.run(run())) == len(answers)
