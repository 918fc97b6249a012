"""Which addresses are asked: every way to write one, and every network that is not the public internet."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fetch.web.asking import PATIENT, Row, ask, row
from tests.fetch.web.misbehaving import serving

from pipeline.fetch.web.addresses import is_public
from pipeline.fetch.web.client import Client, parsed
from pipeline.fetch.web.params import WebParams
from pipeline.fetch.web.reasons import Failure, Reason

PUBLIC = ["8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001:80f::200e", "64:ff9b::808:808"]
INNER = {
    "this host": ["0.0.0.0", "0.1.2.3", "::"],
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd00:ec2::254"],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%eth0", "fec0::1"],
    "a provider's": ["100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16"],
    "documentation, measuring, reserved": ["192.0.2.1", "198.18.0.1", "240.0.0.1", "255.255.255.255", "2001:db8::1"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1"],
    "compatible": ["::127.0.0.1", "::10.0.0.1"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::"],
    "NAT64": ["64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "none": ["", "host", "127.1", "2130706433", "0x7f000001", "1.2.3.4.5", "127.0.0.1:80", "[::1]"],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", [address for addresses in INNER.values() for address in addresses])
def test_no_address_of_the_public_internet(address: str) -> None:
    assert not is_public(address)


def found(url: str, **changes: Any) -> Row:
    async def run() -> Row:
        async with serving() as server:
            return row((await ask([url], server, **changes))[0])

    return asyncio.run(run())


BAD: Row = (Reason.BAD_URL, None, 1)
REFUSED: Row = (Reason.REFUSED_ADDRESS, None, 1)
UNKNOWN: Row = (Reason.NO_SUCH_HOST, None, 1)
URLS: dict[str, Row] = {
    "http://outside.test:PORT/good": "picture",
    "HTTP://OUTSIDE.TEST:PORT/good": "picture",
    " http://outside.test:PORT/good\n": "picture",
    "http://outside.test:PORT/good#part": "picture",
    "http://outside.test:PORT/good?a=b&c=%20d": "picture",
    "http://user:password@outside.test:PORT/good": "picture",
    "http://inside.test@outside.test:PORT/good": "picture",
    "http://outside.test@inside.test:PORT/good": REFUSED,
    "http://outside.test\\@inside.test:PORT/good": REFUSED,
    "http://inside.test:PORT/good": REFUSED,
    "http://10.0.0.1/a": REFUSED,
    "http://[::1]:PORT/good": REFUSED,
    "http://[::ffff:10.0.0.1]/a": REFUSED,
    "http://[fe80::1%25eth0]/a": REFUSED,
    "http://outage.test/a": (Reason.DNS, None, 3),
    "http://unknown.test/a": UNKNOWN,
    "http://outside.test:1/a": (Reason.CONNECT, None, 3),
    "https://outside.test:PORT/good": (Reason.TLS, None, 1),
    "http://outside.test:0/": BAD,
    "http://outside.test:65536/": BAD,
    "http://outside.test:99999999999999999999/": BAD,
    "http://outside.test:-1/": BAD,
    "http://outside.test:http/": BAD,
    "http://outside.test:PORT:80/good": BAD,
    "ftp://outside.test/a": BAD,
    "file:///etc/passwd": BAD,
    "data:image/png;base64,AAAA": BAD,
    "//outside.test/a": BAD,
    "outside.test/a": BAD,
    "http:outside.test/a": BAD,
    "http://": BAD,
    "http:///a": BAD,
    "http://[::1": BAD,
    "http://[outside.test]/": BAD,
    "http://0177.0.0.1/": BAD,
    "http://1.2.3.256/": BAD,
    "http://outside.test/a\nb": BAD,
    "http://outside.test/a\rHost: inside.test": BAD,
    "http://outside.test/a\0b": BAD,
    "http://out\tside.test/a": BAD,
    "http://xn--/a": UNKNOWN,
    "http://\ufffd.test/a": BAD,
    "http://b\xfccher\u200b.test/a": BAD,
    "http://outside.test/" + "a" * 70_000: BAD,
    "": BAD,
    " ": BAD,
}


@pytest.mark.parametrize(("url", "expected"), URLS.items(), ids=[url[:50] for url in URLS])
def test_every_form_of_an_address_ends_in_its_row(url: str, expected: Row) -> None:
    assert found(url) == expected


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://h/a b.jpg", b"/a%20b.jpg"),
        ("http://h/a%20b.jpg", b"/a%20b.jpg"),
        ("http://h/100%.jpg", b"/100%.jpg"),
        ("http://h/g\xf6\xf6d?q=\xf6", b"/g%C3%B6%C3%B6d?q=%C3%B6"),
        ("http://h/a/../b/./c", b"/b/c"),
        ("http://h", b"/"),
        ("http://h?q", b"/?q"),
        ("http://h/a?b?c#d?e", b"/a?b?c"),
        ("http://h/a;b,c(d)'e", b"/a;b,c(d)'e"),
        ("http://h/" + "a" * 60_000, b"/" + b"a" * 60_000),
    ],
)
def test_what_an_address_asks_for(url: str, target: bytes) -> None:
    assert parsed(url).raw_path == target


def test_name_and_password_and_fragment_are_not_sent() -> None:
    assert str(parsed("http://user:password@h/a?b#c")) == "http://h/a?b"


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("B\xdcCHER.example", b"xn--bcher-kva.example"),
        ("xn--bcher-kva.example", b"xn--bcher-kva.example"),
        ("xn--i-7iq.ws", b"xn--i-7iq.ws"),
        ("my_host.example", b"my_host.example"),
        ("host.example.", b"host.example."),
        ("127\u30020\uff0e0\uff611", b"127.0.0.1"),
        ("[::FFFF:127.0.0.1]", b"::ffff:127.0.0.1"),
    ],
)
def test_which_host_an_address_asks(host: str, asked: bytes) -> None:
    assert parsed(f"http://{host}/").raw_host.lower() == asked


@pytest.mark.parametrize(
    "host",
    [
        *["127.0.0.1", "2130706433", "0x7f000001", "017700000001", "0x7f.1", "127.1", "0", "0.0.0.0", "[::1]", "[::]"],
        *["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254"],
    ],
)
def test_no_spelling_of_an_inner_address_is_asked(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's resolver, which reads numbers in every form that C does."""
    monkeypatch.undo()

    async def run() -> Row:
        async with serving() as server:
            client = Client(WebParams.model_validate(PATIENT))
            answer = await client.fetch(f"http://{host}:{server.port}/good")
            await client.close()
            assert not server.asked
            return row(answer)

    assert asyncio.run(run()) == REFUSED


@given(st.text() | st.builds("http://{}".format, st.text()) | st.builds("http://{}/{}".format, st.text(), st.text()))
def test_any_text_is_an_address_or_a_bad_one(text: str) -> None:
    try:
        url = parsed(text)
    except Failure as failure:
        assert failure.reason == Reason.BAD_URL
    else:
        assert url.scheme in ("http", "https") and url.raw_host and url.raw_path.isascii() and not url.userinfo
