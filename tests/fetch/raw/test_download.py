"""Downloads over loopback HTTP: retries, resuming, refusals."""

from __future__ import annotations

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


def test_a_file_for_others_is_refused_at_once(httpserver: HTTPServer, tmp_path: Path) -> None:
    server = Server(failures=[401])
    with pytest.raises(UserError, match="cannot be downloaded") as error:
        PATIENT.fetch(serve(httpserver, server), tmp_path / "x.tar")
    assert "401" in error.value.found
    assert len(server.asked) == 1 and not list(tmp_path.iterdir())


def test_a_server_that_was_asked_too_often_is_asked_again(httpserver: HTTPServer, tmp_path: Path) -> None:
    server = Server(failures=[429])
    assert PATIENT.fetch(serve(httpserver, server), tmp_path / "x.tar").read_bytes() == DATA
    assert len(server.asked) == 2


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
