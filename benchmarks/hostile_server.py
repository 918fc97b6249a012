"""What a download from a hostile server ends in, and what it takes: message, seconds, memory and disk.

    python benchmarks/hostile_server.py

A server on loopback serves shards as no server should. Each case is downloaded and packed in a process of its own, with
small limits (20 MB, 2 s). Columns: pairs or the message, seconds, peak memory above that of the imports in MB, bytes of
the download that were left, and the largest size of the folder of downloads in MB.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from tests.fetch.files import samples, tar_bytes
from tests.fetch.hostile import Hostile, Script, answer

from pipeline.core.errors import UserError
from pipeline.execution.step import Shard
from pipeline.fetch.captions.webdataset import PackShards, WebDatasetSource
from pipeline.fetch.packing.image_format import ImageFormat
from pipeline.fetch.packing.pack import PairFilters
from pipeline.fetch.raw.download import Downloader, DownloadLimits

TAR = tar_bytes(samples(range(40)))
HALF = len(TAR) // 2
SIZE = len(TAR)


def endless(head: bytes, part: bytes, pause: float = 0.0) -> Script:
    """A head, and the same part for ever."""

    def script(_: dict[str, str]) -> Iterator[bytes]:
        yield head
        while True:
            yield part
            time.sleep(pause)

    return script


def whole(**headers: object) -> Script:
    """The whole tar."""
    return answer("200 OK", TAR, Content_Length=SIZE, **headers)


def half(**headers: object) -> Script:
    """The first half, cut."""
    return answer("200 OK", TAR[:HALF], Content_Length=SIZE, **headers)


def rest(start: int, stop: int = SIZE, /, **headers: object) -> Script:
    """A range of the tar."""
    named = {"Content_Range": f"bytes {start}-{stop - 1}/{SIZE}", "Content_Length": stop - start}
    return answer("206 Partial Content", TAR[start:stop], **(named | headers))


def redirect(location: str) -> Script:
    """A redirect."""
    return answer("302 Found", b"", Location=location, Content_Length=0)


OK = b"HTTP/1.1 200 OK\r\n"
V1, V2 = {"ETag": '"v1"'}, {"ETag": '"v2"'}
ZIPPED = gzip.compress(TAR)
CASES: dict[str, list[Script]] = {
    "sound": [whole()],
    "endless body": [endless(OK + b"\r\n", bytes(65_536))],
    "endless body, chunked": [
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + bytes(65_536) + b"\r\n")
    ],
    "length of 10^15": [answer("200 OK", b"x", Content_Length=10**15)],
    "drip of a body": [endless(OK + b"Content-Length: 99999\r\n\r\n", b"x", 0.05)],
    "silence": [endless(b"", b"", 1.0)],
    "headers without end": [endless(OK, b"X-A: b\r\n", 0.01)],
    "one header without end": [endless(OK + b"X: ", b"x" * 1000)],
    "100 Continue without end": [endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01)],
    "changed between ranges, ETag": [half(**V1), rest(HALF, SIZE, **V2), whole(**V2)],
    "changed between ranges, Last-Modified": [half(Last_Modified="a"), rest(HALF, Last_Modified="b"), whole()],
    "206 shorter than asked": [half(**V1), rest(HALF, HALF + 5000, **V1), rest(HALF + 5000, SIZE, **V1)],
    "206 of another range": [half(**V1), rest(0, HALF, **V1), whole(**V1)],
    "206 without Content-Range": [half(**V1), answer("206 Partial Content", TAR[:99], Content_Length=99), whole(**V1)],
    "200 in answer to a range": [half(**V1), whole(**V1)],
    "416": [half(**V1), answer("416 Range Not Satisfiable", b"", Content_Length=0), whole(**V1)],
    "cut with a length, no validator": [half(), whole()],
    "cut without a length": [answer("200 OK", TAR[:HALF]), answer("200 OK", TAR)],
    "chunked without an end": [answer("200 OK", b"5\r\nabcde\r\n", Transfer_Encoding="chunked"), whole()],
    "reset at once": [answer("", b"")],
    "404": [answer("404 Not Found", b"no")],
    "401": [answer("401 Unauthorized", b"no")],
    "500 twice": [answer("500 Error", b""), answer("500 Error", b""), whole()],
    "429, Retry-After of a year": [answer("429 Slow", b"", Retry_After=31_536_000), whole()],
    "redirect loop": [redirect("/x.tar")],
    "redirect to file:": [redirect("file:///etc/passwd")],
    "redirect to ftp:": [redirect("ftp://127.0.0.1/x.tar")],
    "redirect to nonsense": [redirect("http://[::")],
    "gzip-encoded": [answer("200 OK", ZIPPED, Content_Length=len(ZIPPED), Content_Encoding="gzip")],
    "length too short": [answer("200 OK", TAR, Content_Length=HALF)],
    "length too long": [answer("200 OK", TAR, Content_Length=SIZE + 1, **V1)],
    "truncated tar": [answer("200 OK", TAR[:HALF], Content_Length=HALF)],
    "tar and garbage": [answer("200 OK", TAR + b"x" * 999, Content_Length=SIZE + 999)],
    "two tars": [answer("200 OK", TAR * 2, Content_Length=SIZE * 2)],
    "compressed tar": [answer("200 OK", ZIPPED, Content_Length=len(ZIPPED))],
    "a web page": [answer("200 OK", b"<!DOCTYPE html><p>Log in", Content_Length=24)],
    "nothing": [answer("200 OK", b"", Content_Length=0)],
    "ETag that no header can hold": [half(ETag='"\xe9"'), whole()],
}


def download(url: str, folder: Path) -> str:
    """Download and pack one shard; what came of it."""
    limits = DownloadLimits(max_gigabytes=0.02)
    downloader = Downloader(limits, attempts=3, first_pause=0.1, timeout=2, grace=2)
    step = PackShards(folder, folder / "downloads", ImageFormat(), PairFilters(), downloader)
    source = WebDatasetSource.model_validate({"kind": "webdataset", "name": "s", "location": url})
    shard: Shard = step.units(source)[0].shard(0)
    try:
        step.run(shard, folder / "out")
    except UserError as error:
        return f"{error.problem} {error.found}"
    return f"{(folder / 'out/shards/train-00000.tar').stat().st_size:,} bytes of pairs"


def one_case(url: str) -> None:
    """The child process: download, and print what it took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "downloads"
        most = [0]

        def watch() -> None:
            while True:
                sizes = [file.stat().st_size for file in folder.glob("*") if file.exists()]
                most[0] = max(most[0], sum(sizes))
                time.sleep(0.002)

        threading.Thread(target=watch, daemon=True).start()
        started = time.perf_counter()
        found = download(url, Path(name))
        seconds = time.perf_counter() - started
        left = sum(file.stat().st_size for file in folder.glob("*"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps([found, seconds, memory / 1000, left, most[0] / 1e6]))


def main() -> None:
    """Print the table."""
    print(f"{'case':38} {'s':>5} {'MB':>5} {'left':>7} {'disk':>6}  what came of it")
    for name, scripts in CASES.items():
        server = Hostile(*scripts)
        command = [sys.executable, __file__, server.url]
        child = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=os.environ)
        server.listener.close()
        if child.returncode:
            print(f"{name:38} ended in {child.stderr.strip().splitlines()[-1]}")
            continue
        found, seconds, memory, left, disk = json.loads(child.stdout.splitlines()[-1])
        text = " ".join(found.replace(server.url, "<url>").split())
        print(f"{name:38} {seconds:5.1f} {memory:5.0f} {left:7} {disk:6.2f}  {text[:150]}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one_case(sys.argv[1])
    else:
        main()
