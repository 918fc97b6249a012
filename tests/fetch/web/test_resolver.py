"""Names are looked up once, and no failure is kept for longer than it says something."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Sequence

import pytest

from pipeline.fetch.web import resolver as module
from pipeline.fetch.web.reasons import Failure, Reason
from pipeline.fetch.web.resolver import Resolver, system_lookup


class Lookup:
    """Counts its questions, and gives one answer to all."""

    def __init__(self, answer: Sequence[str] | Failure) -> None:
        self.answer, self.asked, self.may_answer = answer, 0, threading.Event()
        self.may_answer.set()

    def __call__(self, _host: str) -> Sequence[str] | Failure:
        self.asked += 1
        self.may_answer.wait()
        return self.answer


async def reason(resolver: Resolver, host: str = "host") -> Reason | None:
    try:
        await resolver.addresses(host)
    except Failure as failure:
        return failure.reason
    return None


@pytest.mark.parametrize(
    ("answer", "expected", "lookups"),
    [
        (["1.2.3.4"], None, 1),
        (Failure(Reason.NO_SUCH_HOST), Reason.NO_SUCH_HOST, 1),
        ([], Reason.NO_SUCH_HOST, 1),
        (Failure(Reason.DNS), Reason.DNS, 3),
    ],
    ids=["found", "absent", "without addresses", "temporary"],
)
def test_only_a_temporary_failure_is_looked_up_again_soon(
    answer: Sequence[str] | Failure, expected: Reason | None, lookups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_AFTER_FAILURE", -1.0)
    lookup = Lookup(answer)

    async def run() -> list[Reason | None]:
        resolver = Resolver(lookup)
        return [await reason(resolver) for _ in range(3)]

    assert asyncio.run(run()) == [expected] * 3 and lookup.asked == lookups


def test_a_failure_that_nobody_waited_for_is_kept_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS_AFTER_FAILURE", -1.0)
    lookup = Lookup(Failure(Reason.DNS))
    lookup.may_answer.clear()

    async def run() -> Reason | None:
        resolver = Resolver(lookup)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await resolver.addresses("host")
        lookup.may_answer.set()
        assert await reason(resolver) == Reason.DNS
        lookup.answer = ["1.2.3.4"]
        return await reason(resolver)

    assert asyncio.run(run()) is None


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".test", "a\0b", "\udcff", "-", "x" * 70_000])
def test_a_name_that_cannot_be_one(host: str) -> None:
    answer = system_lookup(host)
    assert isinstance(answer, Failure) and answer.reason in (Reason.NO_SUCH_HOST, Reason.DNS)


@pytest.mark.parametrize(
    ("code", "expected"), [("EAI_NONAME", Reason.NO_SUCH_HOST), ("EAI_AGAIN", Reason.DNS), ("EAI_FAIL", Reason.DNS)]
)
def test_what_the_system_says(code: str, expected: Reason, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(getattr(socket, code), "")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    answer = system_lookup("host.test")
    assert isinstance(answer, Failure) and answer.reason == expected
