"""Finished shards: a folder of output files with a list of them, by which damage is found out.

A finished file is hard-linked into an output, so whoever edits the output in place edits the finished file too. The
list holds the size and the SHA-256 of every file; it is written when the shard is complete, and compared before the
files are linked again. Hashing reads about 1 to 2 GB a second and core.

A folder begins with an empty list. A worker that outlives its stage for a moment (on another machine, for one) may
lose its folder to the next start, which sweeps it, and make part of it anew by writing on; what has no list is not
complete.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.files import link_or_copy, read_json, write_json

LIST = "files.json"


def begin(folder: Path) -> None:
    """Make a folder for a shard."""
    folder.mkdir(parents=True)
    (folder / LIST).touch()


def complete(folder: Path) -> None:
    """Write the list of a folder's files. Raises FileNotFoundError if the folder is not the one that was begun."""
    (folder / LIST).stat()
    write_json(folder / LIST, _listed(folder))


def is_whole(folder: Path) -> bool:
    """Whether a folder has a list, and holds just the files that it names, unchanged."""
    try:
        return folder.is_dir() and read_json(folder / LIST) == _listed(folder)
    except (UserError, OSError):
        return False


def link(folder: Path, name: str, into: Path) -> None:
    """Link the files of one output, `folder/name/`, into a folder. Raises UserError if one is gone."""
    try:
        for file in map(folder.joinpath, json.loads((folder / LIST).read_bytes())):
            if file.parent == folder / name:
                link_or_copy(file, into / file.name)
    except FileNotFoundError as error:
        raise UserError(
            "A finished shard vanished while it was used.",
            where=error.filename,
            fix="start the same command again; FINEALIGN_SCRATCH_GB limits how much is kept",
        ) from None


def _listed(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file below a folder, by its path; anything else that is there has neither."""
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {str(path.relative_to(folder)): _facts(path) for path in paths if path != folder / LIST}


def _facts(path: Path) -> dict[str, Any]:
    if path.is_symlink() or not path.is_file():
        return {}
    with path.open("rb") as stream:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
