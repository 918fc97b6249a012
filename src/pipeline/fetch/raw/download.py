"""One file over HTTP(S), resumed where it stopped.

Bytes go to `<target>.part`; beside it the server's validator (a strong ETag, or Last-Modified) is kept. A new attempt
asks with `Range` and `If-Range` for the rest. The part grows only by bytes of the version that it began with: an answer
that bears another validator, or is of another range, begins it anew.

A file is whole when it is as long as the server said. Without a length (chunked transfer) the protocol marks the end;
an answer that has neither ends wherever the connection does, so it is taken once two attempts end at the same length.

Nothing is without bound: neither a body (`max_gigabytes`, and the free disk), nor silence (`timeout`), nor a drip of
bytes (`grace` for the answer, `min_kilobytes_per_second` for the body), nor the number of attempts. Interrupted
connections, timeouts, 408, 429 and 5xx are tried again with exponential back-off; an attempt that brought the file well
forward does not count, so that a large file comes over a bad line. Other refusals, redirects to anything but HTTP(S)
and encoded bodies are errors at once.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

import httpx2
from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.core.process.machine_limits import free_disk_bytes, require
from pipeline.core.settings import Params

TEMPORARY_STATUS = {408, 425, 429, 500, 502, 503, 504}
WELL_FORWARD = 10_000_000
"""Bytes; an attempt that brought the file so much forward does not count."""


class TryAgain(Exception):
    """A failure that may be temporary."""


class DownloadLimits(Params):
    """How large and how slow a download may be; without effect on what is stored."""

    max_gigabytes: float = Field(default=50.0, gt=0, le=100_000, description="Maximum size of a downloaded file.")
    min_kilobytes_per_second: float = Field(
        default=10.0, ge=0, le=1e6, description="Minimum rate of a download, after a minute; 0: none."
    )


@dataclass(frozen=True)
class Downloader:
    """How often, how long and how much is downloaded.

    Pauses between attempts double from `first_pause` seconds; `timeout` is the longest silence in seconds. After
    `grace` seconds an attempt must have its answer, and its body the rate that `limits` ask for.
    """

    limits: DownloadLimits = field(default_factory=DownloadLimits)
    attempts: int = 7
    first_pause: float = 1.0
    timeout: float = 60.0
    grace: float = 60.0

    @property
    def max_bytes(self) -> int:
        """The most bytes that a file may have."""
        return int(self.limits.max_gigabytes * 1e9)

    def fetch(self, url: str, target: Path) -> Path:
        """Download `url` to `target`, unless it is there. Raises UserError if it is refused or all attempts fail."""
        if target.is_file():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        part = part_of(target)
        failed, longest, last, ended_at = 0, 0, "", None
        while failed < self.attempts:
            if failed:
                time.sleep(self.first_pause * 2 ** (failed - 1))
            failed += 1
            try:
                certain = self.fetch_rest(url, part)
                if certain or ended_at == length_of(part):
                    part.rename(target)
                    validator_of(part).unlink(missing_ok=True)
                    return target
                ended_at = length_of(part)
                last = f"an end after {ended_at:,} bytes that may be a cut, as the server gave no length"
            except TryAgain as error:
                last = str(error)
            if length_of(part) >= longest + WELL_FORWARD:
                failed, longest = 1, length_of(part)
        raise UserError(
            f"A download failed {self.attempts} times.",
            where=url,
            found=last,
            fix="check the network and the address; the same command resumes what was fetched",
        )

    def fetch_rest(self, url: str, part: Path) -> bool:
        """Download the rest of `part`; whether its end is certain. Raises TryAgain, or UserError for a refusal."""
        have = length_of(part)
        validator = validator_of(part).read_text(encoding="utf-8") if have and validator_of(part).is_file() else ""
        headers = {"Accept-Encoding": "identity"}
        if validator:
            headers |= {"Range": f"bytes={have}-", "If-Range": validator}
        with temporary_failures(url), self.answer(url, headers) as response:
            if response.status_code == 416 and response.headers.get("Content-Range", "") == f"bytes */{have}":
                return True
            check_answer(response, url, part, have, validator)
            if response.status_code == 200:
                part.unlink(missing_ok=True)
                validator_of(part).write_text(strong_validator(response), encoding="utf-8")
                have = 0
            total = total_length(response)
            if (total or 0) > self.max_bytes:
                discard(part)
                raise too_long(url, f"{total:,} bytes", self.limits)
            fix = "free disk space; the same command resumes what was fetched"
            require("disk", (total or have) - have, free_disk_bytes(part.parent), url, f"{total or have:,} bytes", fix)
            have += self.receive(response, part, self.max_bytes - have, url)
        if total is not None and have != total:
            raise TryAgain(f"{have:,} bytes of {total:,}")
        return total is not None or "chunked" in response.headers.get("Transfer-Encoding", "").lower()

    @contextlib.contextmanager
    def answer(self, url: str, headers: dict[str, str]) -> Iterator[httpx2.Response]:
        """The answer to a request, behind its redirects, before its body.

        If it is not there within `grace` seconds, its connections are shut down: a server may send headers byte by
        byte, which no timeout of silence ends. Raises TryAgain then, and what httpx2 raises.
        """
        sockets: list[socket.socket] = []

        def keep_socket(event: str, info: dict[str, Any]) -> None:
            if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
                sockets.append(info["return_value"].get_extra_info("socket"))

        timer = Timer(self.grace, hang_up, [sockets])
        timer.daemon = True
        with httpx2.Client(timeout=self.timeout, follow_redirects=True) as client:
            timer.start()
            try:
                with client.stream("GET", url, headers=headers, extensions={"trace": keep_socket}) as response:
                    timer.cancel()
                    yield response
            finally:
                timer.cancel()

    def receive(self, response: httpx2.Response, part: Path, most: int, url: str) -> int:
        """Append a body to `part`; returns how many bytes came.

        Raises TryAgain for a body that is too slow, and UserError for one of more than `most` bytes.
        """
        received, started = 0, time.monotonic()
        with part.open("ab") as stream:
            for chunk in response.iter_raw():
                received += len(chunk)
                if received > most:
                    stream.close()
                    discard(part)
                    raise too_long(url, "a body that goes on", self.limits)
                stream.write(chunk)
                seconds = time.monotonic() - started
                if seconds > self.grace and received < self.limits.min_kilobytes_per_second * 1000 * seconds:
                    raise TryAgain(f"{received:,} bytes in {seconds:.0f} seconds, too slow")
        return received


def hang_up(sockets: list[socket.socket]) -> None:
    """Shut connections down, so that whoever reads from them goes on."""
    for connection in sockets:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)


@contextlib.contextmanager
def temporary_failures(url: str) -> Iterator[None]:
    """Turn httpx2's errors into TryAgain, or into the UserError for a refusal."""
    try:
        yield
    except httpx2.UnsupportedProtocol as error:
        raise refused(url, f"an address, or a redirect, that is not http(s): {error}") from None
    except httpx2.TransportError as error:
        raise TryAgain(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__) from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise refused(url, str(error)) from None


def check_answer(response: httpx2.Response, url: str, part: Path, have: int, validator: str) -> None:
    """Raise TryAgain, or UserError for a refusal, unless the body is the whole file or the rest of `part`."""
    status = response.status_code
    if status in TEMPORARY_STATUS:
        raise TryAgain(f"status {status}")
    if status == 416:
        discard(part)
        raise TryAgain("the server's file is shorter than what was fetched")
    if status not in (200, 206):
        raise refused(url, f"status {status} {response.reason_phrase}")
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        discard(part)
        raise refused(
            url,
            f"a body that the server encoded as {encoding}, though it was asked not to",
            "let the server send the file as it is, or download it by hand and unpack it",
        )
    if status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        discard(part)
        raise TryAgain("the server sent a different range than requested")
    if status == 206 and strong_validator(response) not in ("", validator):
        discard(part)
        raise TryAgain("the server's file has changed since it was begun")


def length_of(part: Path) -> int:
    """Bytes of an unfinished download; 0 if it is not begun."""
    return part.stat().st_size if part.is_file() else 0


def part_of(target: Path) -> Path:
    """The unfinished file of a download."""
    return target.with_name(target.name + ".part")


def validator_of(part: Path) -> Path:
    """The file that keeps the validator of an unfinished download."""
    return part.with_name(part.name + ".validator")


def discard(part: Path) -> None:
    """Forget an unfinished download."""
    part.unlink(missing_ok=True)
    validator_of(part).unlink(missing_ok=True)


def total_length(response: httpx2.Response) -> int | None:
    """Length of the whole file, as the server says it; None if it does not."""
    if response.status_code == 206:
        text = response.headers.get("Content-Range", "").rpartition("/")[2]
    else:
        text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def strong_validator(response: httpx2.Response) -> str:
    """The header that identifies this version of the file; empty if there is none, then nothing can be resumed."""
    tag = response.headers.get("ETag", "")
    validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
    return validator if validator.isascii() else ""


def too_long(url: str, found: str, limits: DownloadLimits) -> UserError:
    """The error for a body without a sensible end."""
    return refused(
        url,
        f"{found}; at most {limits.max_gigabytes:g} GB are taken",
        "check the address; if the file is that large, raise `download.max_gigabytes`",
    )


def refused(
    url: str,
    found: str,
    fix: str = "check the address and the range of shards in `location`; private files have to be downloaded by hand",
) -> UserError:
    """The error for an address from which no file can be downloaded."""
    return UserError("A file cannot be downloaded.", where=url, expected="status 200", found=found, fix=fix)
