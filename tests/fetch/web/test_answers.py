"""Every answer that a server may give, to the byte, and the row that it ends in."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from tests.fetch.web.asking import Row, rows
from tests.fetch.web.misbehaving import JPEG, message

from pipeline.fetch.web.reasons import Reason

LOST: Row = (Reason.CONNECTION_LOST, None, 3)
TOO_LARGE: Row = (Reason.TOO_LARGE, 200, 1)
OPTED_OUT: Row = (Reason.OPTED_OUT, 200, 1)
ENCODED: Row = (Reason.ENCODED, 200, 1)


def status(line: str, body: bytes = JPEG) -> bytes:
    return message(body, line)


def plain(head: str, body: bytes = JPEG) -> bytes:
    """An answer without the usual headers."""
    return head.replace("\n", "\r\n").encode("latin-1") + body


def encoded(name: str, body: bytes) -> bytes:
    return message(body, headers={"Content-Encoding": name})


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def chunks(*sizes_and_data: tuple[str, bytes], end: str = "0\r\n\r\n", headers: str = "") -> bytes:
    parts = b"".join(size.encode() + b"\r\n" + data + b"\r\n" for size, data in sizes_and_data)
    return plain(f"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n{headers}\n", parts + end.encode())


WHOLE = f"{len(JPEG):x}"
STATUSES: dict[str, tuple[bytes, Row]] = {
    "201": (status("201 Created"), (Reason.HTTP_OTHER, 201, 1)),
    "204": (plain("HTTP/1.1 204 No Content\n\n", b""), (Reason.HTTP_OTHER, 204, 1)),
    "206 that nobody asked for": (status("206 Partial Content"), (Reason.HTTP_OTHER, 206, 1)),
    "300": (status("300 Multiple Choices"), (Reason.HTTP_OTHER, 300, 1)),
    "304": (plain("HTTP/1.1 304 Not Modified\n\n", b""), (Reason.HTTP_OTHER, 304, 1)),
    "400": (status("400 Bad Request"), (Reason.HTTP_4XX, 400, 1)),
    "403": (status("403 Forbidden"), (Reason.HTTP_4XX, 403, 1)),
    "404": (status("404 Not Found"), (Reason.HTTP_4XX, 404, 1)),
    "408": (status("408 Request Timeout"), (Reason.TIMEOUT, 408, 3)),
    "410": (status("410 Gone"), (Reason.HTTP_4XX, 410, 1)),
    "500": (status("500 Oops"), (Reason.HTTP_5XX, 500, 3)),
    "503": (status("503 Unavailable"), (Reason.HTTP_5XX, 503, 3)),
    "999": (status("999 Request denied"), (Reason.HTTP_OTHER, 999, 1)),
    "099": (status("099 Early"), LOST),
    "no reason phrase": (plain(f"HTTP/1.1 200\nContent-Length: {len(JPEG)}\n\n"), "picture"),
    "100 first": (b"HTTP/1.1 100 Continue\r\n\r\n" + message(JPEG), "picture"),
    "101 that nobody asked for": (plain("HTTP/1.1 101 Switching Protocols\nUpgrade: h2c\n\n", b""), LOST),
    "103 first": (b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" + message(JPEG), "picture"),
    "a hundred 1xx first": (b"HTTP/1.1 102 Processing\r\n\r\n" * 100 + message(JPEG), "picture"),
    "HTTP/0.9": (JPEG, LOST),
    "HTTP/1.0": (plain(f"HTTP/1.0 200 OK\nContent-Length: {len(JPEG)}\n\n"), "picture"),
    "HTTP/1.0 until it closes": (plain("HTTP/1.0 200 OK\n\n"), "picture"),
    "HTTP/2 in text": (plain("HTTP/2 200 OK\n\n"), LOST),
    "another protocol": (b"SSH-2.0-OpenSSH\r\n", LOST),
    "ICY": (plain("ICY 200 OK\n\n"), LOST),
    "no status line": (b"Content-Type: image/jpeg\r\n\r\n" + JPEG, LOST),
    "a status of letters": (plain("HTTP/1.1 OK 200\n\n"), LOST),
    "nothing": (b"", LOST),
    "a line end": (b"\r\n", LOST),
    "headers without an end": (b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg", LOST),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: %d\n\n" % len(JPEG) + JPEG, "picture"),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x46", LOST),
}
HEADERS: dict[str, tuple[bytes, Row]] = {
    "none": (plain("HTTP/1.1 200 OK\n\n"), "picture"),
    "a page as its type": (message(JPEG, headers={"Content-Type": "text/html"}), "picture"),
    "1 MB": (message(JPEG, headers={"X": "x" * 1_000_000}), LOST),
    "2,000 headers": (message(JPEG, headers={f"X{number}": "x" for number in range(2000)}), "picture"),
    "200,000 headers": (message(JPEG, headers={f"X{number}": "x" for number in range(200_000)}), LOST),
    "no colon": (plain("HTTP/1.1 200 OK\nnonsense\n\n"), LOST),
    "NUL": (plain("HTTP/1.1 200 OK\nX: a\0b\n\n"), LOST),
    "Latin-1": (plain("HTTP/1.1 200 OK\nX: \xe9\xff\n\n"), "picture"),
    "two tags": (plain("HTTP/1.1 200 OK\nX-Robots-Tag: all\nx-robots-tag: otherbot: all, *: NoAI\n\n"), OPTED_OUT),
    "two tags of others": (plain("HTTP/1.1 200 OK\nX-Robots-Tag: a: noai\nX-Robots-Tag: b: none\n\n"), "picture"),
    "on two lines": (plain("HTTP/1.1 200 OK\nX: a\n b\n\n"), "picture"),
}
LENGTHS: dict[str, tuple[bytes, Row]] = {
    "too short": (message(JPEG, length=len(JPEG) - 1), "other bytes"),
    "too long": (message(JPEG, length=len(JPEG) + 1), LOST),
    "zero": (message(b""), "other bytes"),
    "5 GB": (message(JPEG, length=5_000_000_000), TOO_LARGE),
    "one byte above the limit": (message(JPEG, length=1_000_001), TOO_LARGE),
    "the limit": (message(bytes(1_000_000)), "other bytes"),
    "20 digits": (message(JPEG, length=10**19), TOO_LARGE),
    "10,000 digits": (message(JPEG, headers={"Content-Length": "9" * 10_000}), LOST),
    "negative": (message(JPEG, length=-1), LOST),
    "letters": (message(JPEG, headers={"Content-Length": "many"}), LOST),
    "two that differ": (plain("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6\n\n"), LOST),
}
CHUNKS: dict[str, tuple[bytes, Row]] = {
    "one": (chunks((WHOLE, JPEG)), "picture"),
    "a byte each": (chunks(*(("1", JPEG[at : at + 1]) for at in range(len(JPEG)))), "picture"),
    "extensions": (chunks((f"{WHOLE};name=value", JPEG)), "picture"),
    "trailers": (chunks((WHOLE, JPEG), end="0\r\nX: y\r\n\r\n"), "picture"),
    "a length beside it": (chunks((WHOLE, JPEG), headers="Content-Length: 5\n"), "picture"),
    "no last chunk": (chunks((WHOLE, JPEG), end=""), LOST),
    "no last line": (chunks((WHOLE, JPEG), end="0\r\n"), LOST),
    "a size too small": (chunks(("5", JPEG)), LOST),
    "a size too large": (chunks(("fffff", JPEG)), LOST),
    "a size of letters": (chunks(("xyz", JPEG)), LOST),
    "a negative size": (chunks(("-5", JPEG)), LOST),
    "a size of 30 digits": (chunks(("f" * 30, JPEG)), LOST),
    "a size of a megabyte of zeros": (chunks(("0" * 1_000_000 + WHOLE, JPEG)), LOST),
    "packed and in chunks": (plain("HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n\n"), LOST),
}
BOMB = bytes(50_000_000)
ENCODINGS: dict[str, tuple[bytes, Row]] = {
    "gzip": (encoded("gzip", gzip.compress(JPEG)), "picture"),
    "x-gzip": (encoded("x-gzip", gzip.compress(JPEG)), "picture"),
    "GZip": (encoded(" GZip ", gzip.compress(JPEG)), "picture"),
    "deflate": (encoded("deflate", zlib.compress(JPEG)), "picture"),
    "deflate without zlib's header": (encoded("deflate", raw_deflate(JPEG)), "picture"),
    "gzip and identity": (encoded("gzip, identity", gzip.compress(JPEG)), "picture"),
    "garbage behind gzip": (encoded("gzip", gzip.compress(JPEG) + b"garbage"), "picture"),
    "no encoding": (encoded("none", JPEG), "picture"),
    "a character set": (encoded("UTF-8", JPEG), "picture"),
    "empty": (encoded("", JPEG), "picture"),
    "nothing packed": (encoded("gzip", b""), "other bytes"),
    "gzip twice": (encoded("gzip, gzip", gzip.compress(gzip.compress(JPEG))), ENCODED),
    "brotli": (encoded("br", b"\x0b\x02\x80abc\x03"), ENCODED),
    "zstd": (encoded("zstd", b"\x28\xb5\x2f\xfd"), ENCODED),
    "gzip that is none": (encoded("gzip", JPEG), ENCODED),
    "deflate that is none": (encoded("deflate", JPEG), ENCODED),
    "gzip with an error": (encoded("gzip", gzip.compress(JPEG)[:-8] + bytes(8)), ENCODED),
    "gzip cut off": (encoded("gzip", gzip.compress(JPEG)[:-9]), (Reason.CONNECTION_LOST, 200, 3)),
    "a bomb of gzip": (encoded("gzip", gzip.compress(BOMB)), TOO_LARGE),
    "a bomb of deflate": (encoded("deflate", raw_deflate(BOMB)), TOO_LARGE),
}
TABLES = {"statuses": STATUSES, "headers": HEADERS, "lengths": LENGTHS, "chunks": CHUNKS, "encodings": ENCODINGS}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_answer_ends_in_its_row(table: dict[str, tuple[bytes, Row]]) -> None:
    answers = {name: answer for name, (answer, _) in table.items()}
    assert rows(list(table), answers) == {name: expected for name, (_, expected) in table.items()}


@pytest.mark.parametrize(("line", "reason"), [("429 Slow down", Reason.HTTP_429), ("503 Later", Reason.HTTP_5XX)])
@pytest.mark.parametrize(
    ("retry_after", "attempts", "least", "most"),
    [
        ("0", 2, 1, 1.5),
        ("7", 2, 7, 7),
        (" 7 ", 2, 7, 7),
        (timedelta(seconds=100), 2, 10, 100),
        (timedelta(days=7), 1, 0, 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 2, 1, 1.5),
        ("soon", 2, 1, 1.5),
        ("-5", 2, 1, 1.5),
        ("1.5", 2, 1, 1.5),
        ("", 2, 1, 1.5),
        ("Mon, 99 Jan 2040 99:99:99 GMT", 2, 1, 1.5),
        ("604800", 1, 0, 0),
        ("9" * 400, 1, 0, 0),
    ],
)
def test_a_server_that_names_a_time_is_asked_then_or_given_up(
    line: str, reason: Reason, retry_after: str | timedelta, attempts: int, least: float, most: float
) -> None:
    if isinstance(retry_after, timedelta):
        retry_after = format_datetime(datetime.now(UTC) + retry_after, usegmt=True)
    pauses: list[float] = []
    answers = {"a": message(b"", line, {"Retry-After": retry_after})}
    found = rows(["a"], answers, pauses=pauses, attempts=2)
    assert found == {"a": (reason, int(line[:3]), attempts)}
    assert len(pauses) == attempts - 1 and all(least <= pause <= most for pause in pauses)


def test_pauses_grow() -> None:
    pauses: list[float] = []
    rows(["a"], {"a": status("500 Oops")}, pauses=pauses, attempts=4)
    assert [1 <= pauses[0] <= 1.5, 2 <= pauses[1] <= 3, 4 <= pauses[2] <= 6] == [True] * 3
