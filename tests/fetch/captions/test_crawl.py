"""A list of addresses becomes pairs: pictures in the list's order, failures with reasons, retried later."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.fetch.web.in_thread import served
from tests.fetch.web.misbehaving import JPEG, Server, picture

from pipeline.core.errors import UserError
from pipeline.fetch.stages.pairs import fetch_pairs
from pipeline.fetch.stages.pairs_params import FetchPairsParams
from pipeline.fetch.stages.retry import retry_failed
from pipeline.storage.shards import ImageShards
from pipeline.tables.pairs import DROPPED, MANIFEST
from pipeline.tables.urls import FAILURES

WEB = {"attempts": 1, "max_megabytes": 1.0, "allow_private_addresses": True}
"""No server of these tests keeps silent, so the time-outs are the default's, which a busy machine does not reach."""
PATHS = [
    "good",
    "missing",
    "html",
    "bomb",
    "truncated",
    "moved",
    "always_500",
    "empty",
    "reset",
    "gzip",
    "opted_out_all",
]
REASONS = {
    "missing": "http_4xx",
    "html": "not_an_image",
    "bomb": "bomb",
    "truncated": "not_an_image",
    "always_500": "http_5xx",
    "empty": "not_an_image",
    "reset": "connection_lost",
    "opted_out_all": "opted_out",
}


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")


@pytest.fixture
def server() -> Iterator[Server]:
    with served() as server:
        yield server


def params(server: Server, root: Path, paths: list[str], **more: Any) -> FetchPairsParams:
    urls = [f"http://127.0.0.1:{server.port}/{path}?{n}" for n, path in enumerate(paths)]
    (root / "list.tsv").write_text("".join(f"a dog of number {n}\t{url}\n" for n, url in enumerate(urls)))
    source = {"kind": "url_list", "name": "cc3m", "location": "list.tsv", "layout": "cc3m", "urls_per_shard": 4}
    return FetchPairsParams.model_validate({"sources": [source], "web": WEB} | more)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_what_came_is_packed_in_order_and_what_failed_has_its_reason(server: Server, tmp_path: Path) -> None:
    metrics = fetch_pairs(params(server, tmp_path, PATHS), tmp_path, tmp_path / "pairs", tmp_path / "scratch")
    manifest = MANIFEST.read(tmp_path / "pairs" / "manifest.parquet")
    came = [n for n, path in enumerate(PATHS) if path not in REASONS]
    assert manifest["key"].to_pylist() == [f"cc3m-{n + 1:09d}" for n in came]
    assert manifest["captions"].to_pylist() == [[f"a dog of number {n}"] for n in came]
    assert ImageShards(tmp_path / "pairs").jpeg("cc3m-000000001") == JPEG
    failures = FAILURES.read(tmp_path / "pairs" / "failures.parquet").to_pylist()
    found = {PATHS[int(row["key"][-9:]) - 1]: row["reason"] for row in failures}
    assert found == REASONS
    assert {row["reason"] for row in failures if not row["permanent"]} == {"http_5xx", "connection_lost"}
    assert metrics["failures"] == {
        "bomb": 1, "connection_lost": 1, "http_4xx": 1, "http_5xx": 1, "not_an_image": 3, "opted_out": 1
    }  # fmt: skip


def test_a_second_run_fetches_nothing_and_other_speed_gives_the_same_bytes(server: Server, tmp_path: Path) -> None:
    given = params(server, tmp_path, PATHS)
    fetch_pairs(given, tmp_path, tmp_path / "one", tmp_path / "scratch")
    asked = server.asked.total()
    fetch_pairs(given, tmp_path, tmp_path / "two", tmp_path / "scratch")
    assert server.asked.total() == asked and digests(tmp_path / "two") == digests(tmp_path / "one")
    slow = given.model_copy(update={"web": given.web.model_copy(update={"connections": 1})})
    fetch_pairs(slow, tmp_path, tmp_path / "three", tmp_path / "other")
    assert server.asked.total() == 2 * asked and digests(tmp_path / "three") == digests(tmp_path / "one")


def test_rows_that_no_filter_lets_pass_are_not_asked_for(server: Server, tmp_path: Path) -> None:
    given = params(server, tmp_path, ["good", "good"], filters={"min_words": 6})
    (tmp_path / "list.tsv").write_text(
        (tmp_path / "list.tsv").read_text().replace("a dog of number 1", "a dog in a field of grass")
    )
    fetch_pairs(given, tmp_path, tmp_path / "pairs", tmp_path / "scratch")
    dropped = DROPPED.read(tmp_path / "pairs" / "dropped.parquet").to_pylist()
    assert [(row["key"], row["reason"]) for row in dropped] == [("cc3m-000000001", "caption too short")]
    assert server.asked.total() == 1


def test_small_and_elongated_pictures_fail_with_a_reason(server: Server, tmp_path: Path) -> None:
    given = params(server, tmp_path, ["good", "large"], filters={"min_side": 100}, image_format={"max_side": 128})
    server.extra["/large"] = picture(400)
    fetch_pairs(given, tmp_path, tmp_path / "pairs", tmp_path / "scratch")
    (row,) = MANIFEST.read(tmp_path / "pairs" / "manifest.parquet").to_pylist()
    assert (row["key"], row["width"], row["height"]) == ("cc3m-000000002", 128, 128)
    (failure,) = FAILURES.read(tmp_path / "pairs" / "failures.parquet").to_pylist()
    assert (failure["reason"], failure["permanent"]) == ("too_small", True)


def test_failed_addresses_are_tried_again_and_finished_shards_stay(server: Server, tmp_path: Path) -> None:
    given = params(server, tmp_path, ["good", "later", "missing", "later", "always_500", "good"])
    server.extra["/later"] = None
    before, after = tmp_path / "data/pairs", tmp_path / "after"
    fetch_pairs(given, tmp_path, before, tmp_path / "scratch")
    first = digests(before)
    server.extra["/later"] = JPEG
    metrics = retry_failed(given, "http_5xx,timeout", tmp_path, after, tmp_path / "scratch")
    found = digests(after)
    assert {name: found[name] for name in first if name.endswith(".tar")} == {
        name: digest for name, digest in first.items() if name.endswith(".tar")
    }
    manifest = MANIFEST.read(after / "manifest.parquet")
    assert manifest["key"].to_pylist() == [f"cc3m-{n:09d}" for n in (1, 6, 2, 4)]
    assert manifest["shard"].to_pylist() == ["train-00000", "train-00001", "train-00002", "train-00002"]
    assert ImageShards(after).jpeg("cc3m-000000004") == JPEG
    failures = FAILURES.read(after / "failures.parquet").to_pylist()
    assert {row["key"][-1]: (row["reason"], row["runs"]) for row in failures} == {
        "3": ("http_4xx", 1), "5": ("http_5xx", 2)
    }  # fmt: skip
    assert metrics["images"] == {"train": 4} and metrics["failures"] == {"http_4xx": 1, "http_5xx": 1}
    server.asked.clear()
    shutil.rmtree(before)
    after.rename(before)
    retry_failed(given, "http_5xx", tmp_path, after, tmp_path / "scratch")
    assert server.asked.total() == 1


@pytest.mark.parametrize(("asked", "message"), [("dsn", "unknown"), ("dns", "No address failed")])
def test_a_retry_that_cannot_be_made_says_why(server: Server, tmp_path: Path, asked: str, message: str) -> None:
    given = params(server, tmp_path, ["good", "missing"])
    fetch_pairs(given, tmp_path, tmp_path / "data/pairs", tmp_path / "scratch")
    with pytest.raises(UserError, match=message):
        retry_failed(given, asked, tmp_path, tmp_path / "after", tmp_path / "scratch")


def test_an_outage_leaves_no_shard_finished(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = params(server, tmp_path, ["good"] * 30)
    given = given.model_copy(
        update={"sources": [source.model_copy(update={"urls_per_shard": 30}) for source in given.sources]}
    )
    with monkeypatch.context() as outage:
        outage.setattr(socket, "getaddrinfo", fails)
        with pytest.raises(UserError, match="network is down"):
            fetch_pairs(given, tmp_path, tmp_path / "pairs", tmp_path / "scratch")
    metrics = fetch_pairs(given, tmp_path, tmp_path / "pairs", tmp_path / "scratch")
    assert metrics["images"] == {"train": 30}


def fails(*_arguments: Any, **_named: Any) -> Any:
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


KILLS = int(os.environ.get("CRAWL_KILLS", "3"))
PROGRAM = """
import sys
from pathlib import Path
from pipeline.fetch.stages.pairs import fetch_pairs
from pipeline.fetch.stages.pairs_params import FetchPairsParams
root = Path(sys.argv[1])
params = FetchPairsParams.model_validate_json((root / "params.json").read_text())
fetch_pairs(params, root, root / "pairs", root / "scratch")
"""


def finished(root: Path) -> int:
    return sum(not folder.name.startswith(".") for folder in (root / "scratch/steps/crawl_urls").glob("*"))


def test_a_crawl_that_is_killed_again_and_again_gives_the_same_bytes(server: Server, tmp_path: Path) -> None:
    given = params(server, tmp_path, PATHS * 2 * KILLS)
    (tmp_path / "params.json").write_text(given.model_dump_json())
    fetch_pairs(given, tmp_path, tmp_path / "unbroken", tmp_path / "other")
    server.seconds = 0.02
    random = Random(0)
    for _ in range(KILLS):
        before = finished(tmp_path)
        with subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)]) as process:
            while finished(tmp_path) == before:
                assert process.poll() is None
                time.sleep(0.01)
            time.sleep(random.uniform(0, 0.1))
            process.kill()
        assert process.returncode == -signal.SIGKILL
    assert finished(tmp_path) >= KILLS
    server.asked.clear()
    fetch_pairs(given, tmp_path, tmp_path / "pairs", tmp_path / "scratch")
    assert digests(tmp_path / "pairs") == digests(tmp_path / "unbroken")
    assert server.asked.total() < len(PATHS) * 2 * KILLS
