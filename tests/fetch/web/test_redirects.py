"""Where a server may send the client, and where not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from tests.fetch.web.asking import Row, ask, row, rows
from tests.fetch.web.misbehaving import Server, message, serving

from pipeline.fetch.web.reasons import Reason

BAD: Row = (Reason.BAD_URL, None, 1)
REFUSED: Row = (Reason.REFUSED_ADDRESS, None, 1)
LOOP: Row = (Reason.REDIRECTS, None, 1)
NOWHERE: Row = (Reason.HTTP_OTHER, 302, 1)


def follow(answers: Mapping[str, bytes], first: str = "/a") -> tuple[Row, Server]:
    """What comes of the first path, and the server that was asked; PORT in the answers is its port."""

    async def run() -> tuple[Row, Server]:
        async with serving() as server:
            port = str(server.port).encode()
            server.raw = {path: answer.replace(b"PORT", port) for path, answer in answers.items()}
            (found,) = await ask([f"http://outside.test:PORT{first}"], server)
            return row(found), server

    return asyncio.run(run())


def to(location: bytes, status: str = "302 Found") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nLocation: ".encode() + location + b"\r\n\r\n"


LOCATIONS: dict[bytes, Row] = {
    b"good": "picture",
    b"/good": "picture",
    b"./x/../good": "picture",
    b"/good?a=b#c": "picture",
    b"//outside.test:PORT/good": "picture",
    b"http://outside.test:PORT/good": "picture",
    b"HTTP://user:password@outside.test:PORT/good": "picture",
    b"": NOWHERE,
    b"  ": NOWHERE,
    b"#part": LOOP,
    b"?again": LOOP,
    b"/a": LOOP,
    b"http://inside.test:PORT/good": REFUSED,
    b"//inside.test:PORT/good": REFUSED,
    b"http://10.0.0.1/good": REFUSED,
    b"http://169.254.169.254/latest/meta-data": REFUSED,
    b"http://[::1]:PORT/good": REFUSED,
    b"http://[::ffff:169.254.169.254]/": REFUSED,
    b"http://outside.test@inside.test/": REFUSED,
    b"http://unknown.test/": (Reason.NO_SUCH_HOST, None, 1),
    b"https://outside.test:PORT/good": (Reason.TLS, None, 1),
    b"file:///etc/passwd": BAD,
    b"ftp://outside.test/good": BAD,
    b"data:image/png;base64,AAAA": BAD,
    b"javascript:alert(1)": BAD,
    # Without a host it stays at this one (RFC 3986, section 5.2.2, for the sake of old addresses).
    b"http:///good": "picture",
    b"http:good": "picture",
    b"http://outside.test:99999/": BAD,
    b"http://[::1/": BAD,
    b"/" + b"a" * 70_000: BAD,
}


@pytest.mark.parametrize(("location", "expected"), LOCATIONS.items(), ids=[str(name[:50]) for name in LOCATIONS])
def test_every_location_ends_in_its_row(location: bytes, expected: Row) -> None:
    found, server = follow({"/a": to(location)})
    assert found == expected
    assert server.asked["/a"] == (6 if expected == LOOP else 1)


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/gö d".encode(), "/g%C3%B6%20d"),
        ("/gö d".encode("latin-1"), "/g%F6%20d"),
        (b"/g%F6d", "/g%F6d"),
        (b"/a|b", "/a|b"),
    ],
)
def test_a_location_in_any_bytes_is_asked_for(location: bytes, path: str) -> None:
    _, server = follow({"/a": to(location), path: message(b"")})
    assert server.asked[path] == 1


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_every_redirect_is_followed(status: str) -> None:
    assert follow({"/a": to(b"/good", status)})[0] == "picture"


def test_a_status_that_is_no_redirect_is_not_followed() -> None:
    statuses = ["300 Choices", "304 Not Modified", "305 Proxy", "201 Created", "404 Not Found"]
    found = rows(statuses, {status: to(b"/good", status) for status in statuses})
    assert [of[1] for of in found.values()] == [300, 304, 305, 201, 404]


@pytest.mark.parametrize(("steps", "expected"), [(5, "picture"), (6, LOOP)])
def test_a_chain_is_followed_to_the_limit(steps: int, expected: Row) -> None:
    chain = {f"/{step}": to(f"/{step + 1}".encode()) for step in range(steps - 1)}
    assert follow({**chain, f"/{steps - 1}": to(b"/good")}, "/0")[0] == expected


def test_a_redirect_without_a_location_leads_nowhere() -> None:
    assert follow({"/a": message(b"", "302 Found")})[0] == NOWHERE
