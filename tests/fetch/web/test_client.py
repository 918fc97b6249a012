"""The client beside a server that misbehaves: every way ends in its own row, within bounds, and nothing hangs."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fetch.captions.test_mutated_lists import mutated
from tests.fetch.web.asking import NO_END, PATIENT, SILENCE, Row, ask, lookup, row, rows
from tests.fetch.web.misbehaving import JPEG, message, serving

from pipeline.fetch.web.client import Client, Fetched, Unfetched
from pipeline.fetch.web.params import WebParams
from pipeline.fetch.web.reasons import Failure, Reason
from pipeline.fetch.web.resolver import Resolver

LOST: Row = (Reason.CONNECTION_LOST, None, 3)
TIMEOUT: Row = (Reason.TIMEOUT, None, 3)
TOO_LARGE: Row = (Reason.TOO_LARGE, 200, 1)
AT_ONCE: dict[str, Row] = {
    "reset": LOST,
    "reset_in_body": LOST,
    "endless_headers": LOST,
    "endless": TOO_LARGE,
    "gzip_bomb": TOO_LARGE,
    "declares_5_gb": TOO_LARGE,
    "always_429": (Reason.HTTP_429, 429, 3),
    "twice_500": "picture",
    "once_429": "picture",
}


def test_every_way_to_misbehave_has_its_reason() -> None:
    assert rows(list(AT_ONCE)) == AT_ONCE


def test_silence_ends_each_attempt() -> None:
    assert rows(["slow_headers", "slow_body"], **SILENCE) == {"slow_headers": TIMEOUT, "slow_body": TIMEOUT}


def test_what_never_ends_is_ended() -> None:
    paths = ["drip", "drip_headers", "endless_1xx", "endless_tiny_chunks"]
    assert rows(paths, **NO_END) == dict.fromkeys(paths, (Reason.TIMEOUT, None, 1))


def test_a_server_is_asked_no_more_often_than_said() -> None:
    async def run() -> Counter[str]:
        async with serving() as server:
            paths = ["good", "missing", "always_500", "twice_500", "once_429"]
            await ask([f"http://outside.test:PORT/{path}" for path in paths], server)
            return server.asked

    assert asyncio.run(run()) == {"/good": 1, "/missing": 1, "/always_500": 3, "/twice_500": 3, "/once_429": 2}


@pytest.mark.parametrize("length", [10, len(JPEG) - 1])
def test_bytes_beyond_the_length_do_not_spoil_the_next_picture(length: int) -> None:
    async def run() -> list[Row]:
        async with serving() as server:
            client = Client(WebParams.model_validate(PATIENT), Resolver(lookup), lambda _seconds: asyncio.sleep(0))
            server.kept = {"/short": message(JPEG, length=length)}
            urls = [f"http://outside.test:{server.port}/{path}" for path in ("short", "good")]
            found = [row(await client.fetch(url)) for url in urls]
            await client.close()
            return found

    assert asyncio.run(run()) == ["other bytes", "picture"]


def test_a_host_with_an_inner_and_a_public_address_is_asked_at_the_public_one() -> None:
    async def run() -> Row:
        async with serving() as server:
            return row((await ask(["http://both.test:PORT/good"], server))[0])

    assert asyncio.run(run()) == "picture"


def test_parameters_allow_private_addresses_and_opted_out_pictures() -> None:
    async def run() -> list[Row]:
        async with serving() as server:
            urls = ["http://127.0.0.1:PORT/good", "http://outside.test:PORT/opted_out_all"]
            return [row(of) for of in await ask(urls, server, allow_private_addresses=True, honour_opt_out=False)]

    assert asyncio.run(run()) == ["picture", "picture"]


def test_a_name_that_resolves_otherwise_later_is_checked_when_connecting() -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    async def run() -> list[Row]:
        async with serving() as server:
            client = Client(WebParams.model_validate({**PATIENT, "attempts": 1}), Resolver(lambda _host: next(answers)))
            url = f"http://rebinding.test:{server.port}/no_length"
            first = await client.fetch(url)
            client.resolver.answers.clear()
            second = await client.fetch(url)
            await client.close()
            return [row(first), row(second)]

    assert asyncio.run(run()) == ["picture", (Reason.REFUSED_ADDRESS, None, 1)]


def test_memory_stays_flat_whatever_is_sent() -> None:
    huge = {"header": message(JPEG, headers={"X": "x" * 4_000_000}), "length": message(JPEG, length=10**12)}
    tracemalloc.start()
    rows(["endless", "endless_headers", "gzip_bomb", "declares_5_gb", *huge], huge)
    rows(["endless_1xx", "endless_tiny_chunks"], **NO_END)
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
            client = Client(WebParams.model_validate({**PATIENT, "connections_per_host": 3}), Resolver(counted))
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
