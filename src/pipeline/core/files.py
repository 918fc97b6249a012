"""Files that are whole or absent: temporary file first, then a rename.

An output may be a hard link into DVC's cache, so nothing is ever opened for writing in place: writing through
the link would corrupt the cache, and as root not even read-only permissions would stop it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError

TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp")
"""Names that `temporary_path` makes, and in them the process."""


def temporary_path(path: Path, process: int | None = None) -> Path:
    """A name beside `path` that only one process uses (this one); the next stage removes it if that is killed."""
    return path.with_name(f".{path.name}.{process or os.getpid()}.tmp")


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path`, removed after the block."""
    folder = temporary_path(path)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        remove(folder)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; renamed to it when the block succeeds, removed when it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes atomically, creating folders."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically, with newlines as they are."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, in the order given, indented, ending in a newline. NaN is refused."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON; raises UserError when the file is missing, cannot be read, or is not JSON."""
    existing_file(path, "A file is missing.", "a JSON file", "")
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UserError("A file cannot be read.", where=path, found=error.strerror or str(error)) from None
    except (ValueError, RecursionError) as error:
        fix = "mend it or fetch it again; a text in another encoding must be saved as UTF-8"
        raise UserError("A file is not valid JSON.", where=path, found=str(error)[:300], fix=fix) from None


def hash_bytes(data: bytes | memoryview) -> str:
    """BLAKE2b digest of 16 bytes, as 32 hexadecimal characters."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def hash_file(path: Path) -> str:
    """BLAKE2b digest of a file's content, as 32 hexadecimal characters."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def hash_json(value: Any) -> str:
    """BLAKE2b digest of a JSON value, independent of the order of keys."""
    return hash_bytes(json.dumps(value, sort_keys=True, allow_nan=False).encode())


def hash_folder(folder: Path, leave_out: Collection[str] = ()) -> str:
    """BLAKE2b digest of the files below a folder: relative paths and contents, without files named in `leave_out`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in leave_out)
    return hash_json([[str(path.relative_to(folder)), hash_file(path)] for path in files])


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` a hard link to `source`, or a copy where the file system cannot link. Replaces `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def remove(path: Path) -> None:
    """Remove a file, link or folder if it exists; a link's target stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def require_folder(path: Path, made_by: str) -> Path:
    """`path` if it is a folder with something in it; else UserError naming the stage that makes it."""
    if not path.is_dir() or not any(path.iterdir()):
        raise UserError(
            "An input folder is missing or empty.",
            where=path,
            fix=f"run `dvc repro {made_by}`, or `dvc pull` if a remote has it",
        )
    return path


def existing_file(path: Path, missing: str, expected: str, fix: str, where: object = None) -> Path:
    """`path`, if it is a file. Raises UserError otherwise: `missing` is its message, `where` its place for people.

    A folder, a link to nothing, a pipe or a device is no file: to open a pipe would wait for ever.
    """
    if not path.is_file():
        raise UserError(missing, where=where or path, expected=expected, found=kind_of(path), fix=fix)
    return path


def kind_of(path: Path) -> str:
    """What stands at a path that is not a file, in words."""
    if path.is_symlink() and not path.exists():
        return f"a link to {path.readlink()}, which does not exist"
    if path.is_dir():
        return "a folder"
    return "a pipe or device" if path.exists() else "nothing"
