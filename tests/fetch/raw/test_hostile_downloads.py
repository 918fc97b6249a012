"""Downloads from servers that send too much, too slowly, other bytes than they said, or no end."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fetch.hostile import Hostile, Script, answer

from pipeline.core.errors import UserError
from pipeline.fetch.raw import download
from pipeline.fetch.raw.download import Downloader, DownloadLimits
from pipeline.fetch.raw.tar_index import scan_tar

DATA = bytes(range(256)) * 400
PATIENT = Downloader(attempts=4, first_pause=0.01, timeout=5)


@pytest.fixture
def hostile() -> Iterator[Callable[..., Hostile]]:
    servers: list[Hostile] = []

    def make(*scripts: Script) -> Hostile:
        servers.append(Hostile(*scripts))
        return servers[-1]

    yield make
    for server in servers:
        server.listener.close()


def test_a_body_without_end_stops_at_the_bound(hostile: Callable[..., Hostile], tmp_path: Path) -> None:
    def endless(_: dict[str, str]) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield b"x" * 65_536

    server = hostile(endless)
    with pytest.raises(UserError, match="cannot be downloaded") as error:
        replace(PATIENT, limits=DownloadLimits(max_gigabytes=0.001)).fetch(server.url, tmp_path / "x.tar")
    assert "a body that goes on" in error.value.found
    assert server.asked == 1 and not list(tmp_path.iterdir())


def test_a_length_beyond_the_bound_is_refused_before_the_body(hostile: Callable[..., Hostile], tmp_path: Path) -> None:
    server = hostile(answer("200 OK", b"x", Content_Length=10**15))
    with pytest.raises(UserError, match="at most 50 GB are taken"):
        PATIENT.fetch(server.url, tmp_path / "x.tar")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("named", [{"ETag": '"v2"'}, {"Last_Modified": "Tue, 02 Jan 2024 00:00:00 GMT"}])
def test_a_file_that_changes_between_two_ranges_is_begun_anew(
    hostile: Callable[..., Hostile], tmp_path: Path, named: dict[str, str]
) -> None:
    old, new = b"a" * 1000, b"b" * 1000
    first = {"ETag": '"v1"'} if "ETag" in named else {"Last_Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    server = hostile(
        answer("200 OK", old[:400], Content_Length=1000, **first),
        answer("206 Partial Content", new[400:], Content_Length=600, Content_Range="bytes 400-999/1000", **named),
        answer("200 OK", new, Content_Length=1000, **named),
    )
    assert PATIENT.fetch(server.url, tmp_path / "x.tar").read_bytes() == new


def test_a_drip_of_bytes_has_a_limit(hostile: Callable[..., Hostile], tmp_path: Path) -> None:
    def drip(_: dict[str, str]) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
        while True:
            time.sleep(0.02)
            yield b"x"

    with pytest.raises(UserError, match="failed 2 times") as error:
        replace(PATIENT, attempts=2, grace=0.2).fetch(hostile(drip).url, tmp_path / "x.tar")
    assert "too slow" in error.value.found


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x.tar", "gopher://x/"])
def test_a_redirect_to_another_scheme_is_refused_at_once(
    hostile: Callable[..., Hostile], tmp_path: Path, location: str
) -> None:
    server = hostile(answer("302 Found", b"", Location=location, Content_Length=0))
    with pytest.raises(UserError, match="not http") as error:
        PATIENT.fetch(server.url, tmp_path / "x.tar")
    assert error.value.where == server.url and server.asked == 1


def test_a_range_shorter_than_asked_for_keeps_what_came(hostile: Callable[..., Hostile], tmp_path: Path) -> None:
    seen: list[str] = []

    def short(headers: dict[str, str]) -> Iterator[bytes]:
        seen.append(headers.get("range", ""))
        start = int(seen[-1].removeprefix("bytes=").rstrip("-"))
        stop = min(start + 300, 1000)
        named = {"ETag": '"v1"', "Content_Range": f"bytes {start}-{stop - 1}/1000", "Content_Length": stop - start}
        yield from answer("206 Partial Content", DATA[start:stop], **named)(headers)

    server = hostile(answer("200 OK", DATA[:200], Content_Length=1000, ETag='"v1"'), short)
    assert PATIENT.fetch(server.url, tmp_path / "x.tar").read_bytes() == DATA[:1000]
    assert seen == ["bytes=200-", "bytes=500-", "bytes=800-"]


def test_a_connection_cut_without_a_length_is_tried_again(hostile: Callable[..., Hostile], tmp_path: Path) -> None:
    server = hostile(answer("200 OK", DATA[:500]), answer("200 OK", DATA[:1000]))
    assert PATIENT.fetch(server.url, tmp_path / "x.tar").read_bytes() == DATA[:1000]
    assert server.asked == 3


def test_a_connection_closed_without_a_byte_is_tried_again(hostile: Callable[..., Hostile], tmp_path: Path) -> None:
    server = hostile(lambda _: iter(()))
    with pytest.raises(UserError, match="failed 4 times") as error:
        PATIENT.fetch(server.url, tmp_path / "x.tar")
    assert "without sending a response" in error.value.found
    assert server.asked == 4 and not list(tmp_path.iterdir())


def test_an_encoded_body_is_called_by_its_name(hostile: Callable[..., Hostile], tmp_path: Path) -> None:
    body = gzip.compress(DATA)
    server = hostile(answer("200 OK", body, Content_Length=len(body), Content_Encoding="gzip"))
    with pytest.raises(UserError, match="encoded as gzip"):
        PATIENT.fetch(server.url, tmp_path / "x.tar")
    assert server.asked == 1 and not list(tmp_path.iterdir())


def drip(part: bytes) -> Script:
    """An answer that never gets to its body, `part` by `part`."""

    def script(_: dict[str, str]) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n" if part[:1] == b"X" else b""
        while True:
            time.sleep(0.02)
            yield part

    return script


@pytest.mark.parametrize("part", [b"X", b"X-A: b\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_headers_without_end_have_a_limit(hostile: Callable[..., Hostile], tmp_path: Path, part: bytes) -> None:
    server = hostile(drip(part))
    with pytest.raises(UserError, match="failed 2 times"):
        replace(PATIENT, attempts=2, grace=0.3).fetch(server.url, tmp_path / "x.tar")
    assert server.asked == 2 and not list(tmp_path.iterdir())


def test_redirects_without_end_are_refused(hostile: Callable[..., Hostile], tmp_path: Path) -> None:
    server = hostile(answer("302 Found", b"", Location="/x.tar", Content_Length=0))
    with pytest.raises(UserError, match="cannot be downloaded") as error:
        PATIENT.fetch(server.url, tmp_path / "x.tar")
    assert "redirects" in error.value.found


def test_an_etag_that_no_header_can_hold_is_none(hostile: Callable[..., Hostile], tmp_path: Path) -> None:
    server = hostile(answer("200 OK", DATA[:10], Content_Length=len(DATA), ETag='"\xe9"'), answer("200 OK", DATA))
    assert PATIENT.fetch(server.url, tmp_path / "x.tar").read_bytes() == DATA


def test_an_attempt_that_brings_the_file_well_forward_does_not_count(
    hostile: Callable[..., Hostile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "WELL_FORWARD", 1000)

    def cut(headers: dict[str, str]) -> Iterator[bytes]:
        start = int(headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        status = "206 Partial Content" if start else "200 OK"
        named = {"Content_Range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"} if start else {}
        rest = DATA[start:]
        yield from answer(status, rest[:10_000], Content_Length=len(rest), ETag='"v1"', **named)(headers)

    server = hostile(cut)
    assert replace(PATIENT, attempts=2).fetch(server.url, tmp_path / "x.tar").read_bytes() == DATA
    assert server.asked > 10


def test_a_file_that_the_disk_cannot_hold_is_refused_before_its_body(
    hostile: Callable[..., Hostile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "free_disk_bytes", lambda _: 1000)
    server = hostile(answer("200 OK", b"x", Content_Length=2000))
    with pytest.raises(UserError, match="more disk than the machine has") as error:
        PATIENT.fetch(server.url, tmp_path / "x.tar")
    assert error.value.where == server.url and server.asked == 1


def test_a_web_page_in_place_of_a_tar_is_called_one(hostile: Callable[..., Hostile], tmp_path: Path) -> None:
    server = hostile(answer("200 OK", b"\n<!DOCTYPE html><p>Log in</p>", Content_Length=29))
    with pytest.raises(UserError, match="a web page") as error:
        scan_tar(PATIENT.fetch(server.url, tmp_path / "x.tar"), server.url)
    assert error.value.where == server.url


@pytest.mark.parametrize(("rate", "passes"), [(10.0, False), (0.0, True), (0.001, True)])
def test_a_slow_line_can_be_allowed(hostile: Callable[..., Hostile], tmp_path: Path, rate: float, passes: bool) -> None:
    def slow(_: dict[str, str]) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n"
        for start in range(0, 400, 20):
            time.sleep(0.02)
            yield DATA[start : start + 20]

    limited = replace(PATIENT, attempts=1, grace=0.1, limits=DownloadLimits(min_kilobytes_per_second=rate))
    server = hostile(slow)
    if passes:
        assert limited.fetch(server.url, tmp_path / "x.tar").read_bytes() == DATA[:400]
    else:
        with pytest.raises(UserError, match="too slow"):
            limited.fetch(server.url, tmp_path / "x.tar")


def test_an_open_body_in_chunks_is_tried_again(hostile: Callable[..., Hostile], tmp_path: Path) -> None:
    server = hostile(
        answer("200 OK", b"5\r\nabcde\r\n", Transfer_Encoding="chunked"),
        answer("200 OK", b"5\r\nabcde\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
    )
    assert PATIENT.fetch(server.url, tmp_path / "x.tar").read_bytes() == b"abcde"
    assert server.asked == 2


@pytest.mark.parametrize("content_range", ["bytes 0-599/1000", "bytes 400-", "pages 1-2/3", ""])
def test_a_range_that_was_not_asked_for_begins_anew(
    hostile: Callable[..., Hostile], tmp_path: Path, content_range: str
) -> None:
    server = hostile(
        answer("200 OK", DATA[:500], Content_Length=1000, ETag='"v1"'),
        answer("206 Partial Content", DATA[:600], Content_Length=600, ETag='"v1"', Content_Range=content_range),
        answer("200 OK", DATA[:1000], Content_Length=1000, ETag='"v1"'),
    )
    assert PATIENT.fetch(server.url, tmp_path / "x.tar").read_bytes() == DATA[:1000]
