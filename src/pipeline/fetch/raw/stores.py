"""One file from a store that fsspec knows: a hub repository (hf://), S3 (s3://), Google Storage (gs://), and others.

    hf://datasets/<owner>/<name>@<commit>/<file>      a hub repository, always at one commit
    s3://<bucket>/<file>                              pip install s3fs

The file is copied to `<target>.part`, compared with the length and the SHA-256 that the store gives, and renamed. The
stores' own clients try again what fails temporarily.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import fsspec
from fsspec.core import url_to_fs

from pipeline.core.errors import UserError
from pipeline.core.process.machine_limits import free_disk_bytes, require

PINNED = re.compile(r"hf://(datasets|models|spaces)/[^/@]+/[^/@]+@[0-9a-f]{40}/.+")
HUB = "hf://"


def protocol(location: str) -> str:
    """The protocol of an address, such as `s3`; empty if it is a path."""
    return location.partition("://")[0] if "://" in location else ""


def known_protocols() -> set[str]:
    """The protocols that fsspec has a client for, installed or not, without those of files of this machine."""
    return set(fsspec.available_protocols()) - {"file", "local", "http", "https"}


def copy_from_store(url: str, target: Path) -> Path:
    """Copy a file to `target`, unless it is there.

    Raises UserError if the store's client is not installed, the file cannot be had or is damaged, or a hub repository
    is named without a commit.
    """
    if target.is_file():
        return target
    require_pinned(url)
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        store, path = url_to_fs(url)
        known: dict[str, Any] = store.info(path)
        size = int(known.get("size") or 0)
        require("disk", size, free_disk_bytes(target.parent), url, f"{size:,} bytes", "free disk space")
        store.get_file(path, str(part))
    except UserError:
        raise
    except ImportError as error:
        fix = "install it beside this package"
        raise UserError("The client of a store is not installed.", where=url, found=str(error), fix=fix) from None
    except Exception as error:
        # Every store's client raises errors of its own.
        raise refused(url, f"{type(error).__name__}: {error}"[:300]) from None
    check(part, known, url)
    part.rename(target)
    return target


def require_pinned(url: str) -> None:
    """Raise UserError for a hub repository without a commit: its files may change under one name."""
    if url.startswith(HUB) and not PINNED.fullmatch(url):
        raise UserError(
            "A hub repository is named without a commit.",
            where=url,
            expected="hf://datasets/<owner>/<name>@<commit of 40 characters>/<file>",
            fix="copy the commit from the repository's history",
        )


def check(part: Path, known: dict[str, Any], url: str) -> None:
    """Raise UserError unless a copy has the length and the SHA-256 that the store gave, if it gave any."""
    size, sha256 = known.get("size"), (known.get("lfs") or {}).get("sha256") or known.get("sha256")
    found = part.stat().st_size
    if size is not None and found != size:
        part.unlink()
        raise refused(url, f"{found:,} bytes of {size:,}")
    if sha256:
        with part.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != sha256:
            part.unlink()
            raise refused(url, f"SHA-256 {digest} in place of {sha256}")


def refused(url: str, found: str) -> UserError:
    """The error for a file that cannot be had."""
    return UserError(
        "A file cannot be copied from its store.",
        where=url,
        found=found,
        fix="check the address and your access to it; the same command goes on where it stopped",
    )
