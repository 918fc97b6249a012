"""Where each file of a tar lies, with a check that the tar is whole (`storage.tar_end`)."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.files import existing_file
from pipeline.fetch.raw.place import Place
from pipeline.storage.tar_end import fault_after

COMPRESSED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\xfd7": "xz", b"\x28\xb5": "zstd"}
"""Compressed files by their first two bytes."""
PAGE = (b"<!doctype", b"<html", b"<?xml")
"""How a web page begins that a server sent in place of a file."""


def scan_tar(path: Path, where: str = "") -> list[Place]:
    """The places of a tar's regular files, in its order; `where` (default: the path) names the tar in them.

    A hard link inside the tar is the file that it links to. Raises UserError if the file is missing, is not a tar, is
    cut off, has a hole, or is several tars one after the other.
    """
    where = where or str(path)
    existing_file(path, "A tar file is missing.", "a tar file", "put or link it there", where)
    places: list[Place] = []
    by_name: dict[str, Place] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                if info.issparse():
                    raise damaged(where, f"a sparse file, {info.name}")
                target = by_name.get(info.linkname) if info.islnk() else None
                if info.isreg():
                    target = Place(where, info.name, info.offset_data, info.size)
                if target is not None:
                    by_name[info.name] = replace(target, member=info.name)
                    places.append(by_name[info.name])
            end = tar.offset
        fault = fault_after(path, end)
    except UserError:
        raise
    except Exception as error:  # tarfile raises whatever it stumbles over in a damaged header
        raise damaged(where, f"{path.stat().st_size} bytes; {other_kind(path) or error}") from None
    if fault:
        raise damaged(where, fault)
    return places


def other_kind(path: Path) -> str:
    """What a file is that is no tar, in words, or an empty string."""
    with path.open("rb") as stream:
        start = stream.read(1000)
    name = COMPRESSED.get(start[:2])
    if name:
        return f"compressed with {name}"
    return "a web page" if start.lstrip().lower().startswith(PAGE) else ""


def damaged(where: object, found: str) -> UserError:
    """The error for a tar that is not whole."""
    return UserError(
        "A tar file is cut off or damaged.",
        where=where,
        expected="one whole, uncompressed tar with its end mark, and only zeros after it",
        found=found,
        fix="unpack it" if "compressed with" in found else "fetch or copy it again; split tars that were put together",
    )
