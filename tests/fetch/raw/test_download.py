"""Downloads over loopback HTTP: retries, resuming, refusals."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from tests.fetch.files import samples, tar_bytes
from werkzeug import Request, Response

from pipeline.core.errors import UserError
from pipeline.fetch.captions.webdataset import PackShards, WebDatasetSource, locate_shards
from pipeline.fetch.packing.image_format import ImageFormat
from pipeline.fetch.packing.pack import PairFilters
from pipeline.fetch.raw.download import Downloader, part_of, validator_of

DATA = bytes(range(256)) * 400
PATIENT = Downloader(attempts=4, first_pause=0.01, timeout=5)


class Server:
    """Serves DATA with ranges; the first answers may be errors, or end early."""

    def __init__(self, failures: list[int] | None = None, cut_at: int | None = None, ranges: bool = True) -> None:
        self.failures = list(failures or [])
        self.cut_at = cut_at
        self.ranges = ranges
        self.asked: list[str | None] = []

    def __call__(self, request: Request) -> Response:
        asked = request.headers.get("Range")
        self.asked.append(asked)
        if self.failures:
            return Response(status=self.failures.pop(0))
        start, status = 0, 200
        headers = {"ETag": '"v1"'}
        if asked and self.ranges and request.headers.get("If-Range") == '"v1"':
            start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
            if start >= len(DATA):
                return Response(status=416, headers={"Content-Range": f"bytes */{len(DATA)}"})
            headers["Content-Range"] = f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"
        body = DATA[start:]
        headers["Content-Length"] = str(len(body))
        if self.cut_at is not None:
            body, self.cut_at = body[: self.cut_at], None
        return Response(iter([body]), status=status, headers=headers)


def serve(httpserver: HTTPServer, server: Server) -> str:
    httpserver.expect_request("/x.tar").respond_with_handler(server)
    return httpserver.url_for("/x.tar")


def test_an_error_then_the_file(httpserver: HTTPServer, tmp_path: Path) -> None:
    server = Server(failures=[500, 503])
    target = PATIENT.fetch(serve(httpserver, server), tmp_path / "x.tar")
    assert target.read_bytes() == DATA
    assert len(server.asked) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


def test_an_interrupted_download_is_resumed(httpserver: HTTPServer, tmp_path: Path) -> None:
    server = Server(cut_at=30_000)
    assert PATIENT.fetch(serve(httpserver, server), tmp_path / "x.tar").read_bytes() == DATA
    assert server.asked[0] is None
    assert server.asked[1] is not None
    assert 0 < int(server.asked[1].removeprefix("bytes=").rstrip("-")) <= 30_000


@pytest.mark.parametrize("validator", ['"v1"', '"older"'])
def test_what_a_killed_run_left_is_used_only_if_it_is_the_same_file(
    httpserver: HTTPServer, tmp_path: Path, validator: str
) -> None:
    part = part_of(tmp_path / "x.tar")
    part.write_bytes(DATA[:1000] if validator == '"v1"' else b"z" * 1000)
    validator_of(part).write_text(validator)
    server = Server()
    assert PATIENT.fetch(serve(httpserver, server), tmp_path / "x.tar").read_bytes() == DATA
    assert server.asked == ["bytes=1000-"]


def test_a_part_without_a_validator_or_a_server_without_ranges_begins_anew(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    part_of(tmp_path / "x.tar").write_bytes(b"z" * 1000)
    server = Server(cut_at=20_000, ranges=False)
    assert PATIENT.fetch(serve(httpserver, server), tmp_path / "x.tar").read_bytes() == DATA
    assert server.asked[0] is None


def test_a_part_that_was_whole_already(httpserver: HTTPServer, tmp_path: Path) -> None:
    part = part_of(tmp_path / "x.tar")
    part.write_bytes(DATA)
    validator_of(part).write_text('"v1"')
    assert PATIENT.fetch(serve(httpserver, Server()), tmp_path / "x.tar").read_bytes() == DATA


def test_refusals_are_errors_at_once_and_failures_at_last(httpserver: HTTPServer, tmp_path: Path) -> None:
    server = Server(failures=[404])
    url = serve(httpserver, server)
    with pytest.raises(UserError, match="cannot be downloaded") as error:
        PATIENT.fetch(url, tmp_path / "x.tar")
    assert error.value.where == url
    assert "404" in error.value.found
    assert len(server.asked) == 1
    server.failures = [500] * 9
    with pytest.raises(UserError, match="failed 4 times") as error:
        PATIENT.fetch(url, tmp_path / "x.tar")
    assert "500" in error.value.found
    with pytest.raises(UserError, match="failed 4 times"):
        PATIENT.fetch("http://127.0.0.1:9/x.tar", tmp_path / "y.tar")


def test_shards_behind_an_address_are_packed_and_deleted(httpserver: HTTPServer, tmp_path: Path) -> None:
    httpserver.expect_request("/cc3m-0000.tar").respond_with_data(tar_bytes(samples(range(3))))
    httpserver.expect_request("/cc3m-0001.tar").respond_with_data(tar_bytes(samples(range(3, 6)))[:2000])
    location = httpserver.url_for("/") + "cc3m-{0000..0001}.tar"
    source = WebDatasetSource.model_validate({"kind": "webdataset", "name": "cc3m", "location": location})
    shards = locate_shards(source, tmp_path)
    assert [shard["location"][-13:] for shard in shards] == ["cc3m-0000.tar", "cc3m-0001.tar"]
    step = PackShards(tmp_path, tmp_path / "downloads", ImageFormat(), PairFilters(), PATIENT)
    first, second = (unit.shard(number) for number, unit in enumerate(step.units(source)))
    step.run(first, tmp_path / "out")
    assert (tmp_path / "out/shards/train-00000.tar").is_file()
    with pytest.raises(UserError, match="cut off") as error:
        step.run(second, tmp_path / "out2")
    assert error.value.where == shards[1]["location"]
    assert not list((tmp_path / "downloads").iterdir())


class Hostile:
    """A server on loopback that writes what it is told, byte by byte, and closes; one script per connection."""

    def __init__(self, *scripts: Callable[[dict[str, str]], Iterator[bytes]]) -> None:
        self.scripts, self.asked = list(scripts), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/x.tar"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                lines = connection.recv(65_536).decode("latin-1").split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
                script = self.scripts[min(self.asked, len(self.scripts) - 1)]
                self.asked += 1
                for data in script(headers):
                    connection.sendall(data)


def answer(status: str, body: bytes, **headers: object) -> Callable[[dict[str, str]], Iterator[bytes]]:
    lines = [f"HTTP/1.1 {status}", "Connection: close", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]

    def script(_: dict[str, str]) -> Iterator[bytes]:
        yield "\r\n".join([*lines, "", ""]).encode()
        yield body

    return script


@pytest.fixture
def hostile() -> Iterator[Callable[..., Hostile]]:
    servers: list[Hostile] = []

    def make(*scripts: Callable[[dict[str, str]], Iterator[bytes]]) -> Hostile:
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
        replace(PATIENT, max_bytes=1_000_000).fetch(server.url, tmp_path / "x.tar")
    assert "a body that goes on" in error.value.found
    assert server.asked == 1 and not list(tmp_path.iterdir())


def test_a_length_beyond_the_bound_is_refused_before_the_body(hostile: Callable[..., Hostile], tmp_path: Path) -> None:
    server = hostile(answer("200 OK", b"x", Content_Length=10**15))
    with pytest.raises(UserError, match="at most 50,000,000,000 bytes"):
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


def test_an_encoded_body_is_called_by_its_name(hostile: Callable[..., Hostile], tmp_path: Path) -> None:
    body = gzip.compress(DATA)
    server = hostile(answer("200 OK", body, Content_Length=len(body), Content_Encoding="gzip"))
    with pytest.raises(UserError, match="encoded as gzip"):
        PATIENT.fetch(server.url, tmp_path / "x.tar")
    assert server.asked == 1 and not list(tmp_path.iterdir())
