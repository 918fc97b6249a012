"""One file over HTTP(S), resumed where it stopped.

Bytes go to `<target>.part`; beside it the server's validator (ETag or Last-Modified) is kept. A new attempt
asks with `Range` and `If-Range` for the rest: a server whose file changed, or that knows no ranges, sends
all of it and the part begins anew. Interrupted connections, timeouts, 408, 429 and 5xx are tried again with
exponential back-off; other refusals are errors at once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from pipeline.core.errors import UserError

TEMPORARY_STATUS = {408, 425, 429, 500, 502, 503, 504}


class TryAgain(Exception):
    """A failure that may be temporary."""


@dataclass(frozen=True)
class Downloader:
    """How often and how long a download is tried.

    Pauses between attempts double from `first_pause` seconds; `timeout` is the longest silence in seconds.
    """

    attempts: int = 7
    first_pause: float = 1.0
    timeout: float = 60.0

    def fetch(self, url: str, target: Path) -> Path:
        """Download `url` to `target`, unless it is there. Raises UserError if it is refused or all attempts fail."""
        if target.is_file():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        last = ""
        with httpx.Client(timeout=self.timeout, follow_redirects=True) as client:
            for attempt in range(self.attempts):
                if attempt:
                    time.sleep(self.first_pause * 2 ** (attempt - 1))
                try:
                    fetch_rest(client, url, part_of(target))
                except (TryAgain, httpx.TransportError) as error:
                    last = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    raise refused(url, str(error)) from None
                else:
                    part_of(target).rename(target)
                    validator_of(part_of(target)).unlink(missing_ok=True)
                    return target
        raise UserError(
            f"A download failed {self.attempts} times.",
            where=url,
            found=last,
            fix="check the network and the address; the same command resumes what was fetched",
        )


def part_of(target: Path) -> Path:
    """The unfinished file of a download."""
    return target.with_name(target.name + ".part")


def validator_of(part: Path) -> Path:
    """The file that keeps the validator of an unfinished download."""
    return part.with_name(part.name + ".validator")


def fetch_rest(client: httpx.Client, url: str, part: Path) -> None:
    """Download the rest of `part`. Raises TryAgain, httpx.TransportError, or UserError for a refusal."""
    have = part.stat().st_size if part.is_file() else 0
    validator = validator_of(part).read_text() if have and validator_of(part).is_file() else ""
    headers = {"Accept-Encoding": "identity"}
    if validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    with client.stream("GET", url, headers=headers) as response:
        status = response.status_code
        if status == 416:
            if response.headers.get("Content-Range", "") == f"bytes */{have}":
                return
            part.unlink()
            raise TryAgain("the server's file is shorter than what was fetched")
        if status in TEMPORARY_STATUS:
            raise TryAgain(f"status {status}")
        if status not in (200, 206):
            raise refused(url, f"status {status} {response.reason_phrase}")
        resumed = status == 206
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.unlink()
            raise TryAgain("the server sent a different range than requested")
        if not resumed:
            part.unlink(missing_ok=True)
            validator_of(part).write_text(strong_validator(response))
        with part.open("ab") as stream:
            for chunk in response.iter_raw():
                stream.write(chunk)


def strong_validator(response: httpx.Response) -> str:
    """The header that identifies this version of the file; empty if there is none, then nothing can be resumed."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def refused(url: str, found: str) -> UserError:
    """The error for an address from which no file can be downloaded."""
    return UserError(
        "A file cannot be downloaded.",
        where=url,
        expected="status 200",
        found=found,
        fix="check the address and the range of shards in `location`; private files have to be downloaded by hand",
    )
