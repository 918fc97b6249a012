"""The scratch folder: finished shards and checkpoints that survive a crash, a kill, or DVC emptying the outputs.

It lies inside the repository (ignored by git and DVC) so that hard links to outputs work, and is kept below a
size limit by dropping what was used longest ago. Files that are hard-linked
into an output or DVC's cache do not count towards the limit.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.files import remove

DEFAULT_LIMIT_GB = 50.0


def limit_bytes() -> int:
    """The limit from FINEALIGN_SCRATCH_GB (default 50). Raises UserError if it is no number of at least 0."""
    text = os.environ.get("FINEALIGN_SCRATCH_GB", str(DEFAULT_LIMIT_GB))
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise UserError("FINEALIGN_SCRATCH_GB is not a size.", expected="gigabytes, 0 or more", found=text)
    return int(gigabytes * 1e9)


def touch(entry: Path) -> None:
    """Mark an entry as used now."""
    os.utime(entry)


def trim(scratch: Path, limit: int, keep: Iterable[Path] = ()) -> None:
    """Drop the entries of `scratch/<kind>/<name>/` used longest ago until the rest fits `limit` bytes.

    Entries in `keep` stay whatever their size.
    """
    kept = set(keep)
    entries = [entry for kind in ("steps", "training") for entry in (scratch / kind).glob("*/*") if entry.is_dir()]
    newest_first = sorted(entries, key=lambda entry: (entry in kept, entry.stat().st_mtime), reverse=True)
    total = 0
    for entry in newest_first:
        total += own_bytes(entry)
        if total > limit and entry not in kept:
            remove(entry)


def own_bytes(entry: Path) -> int:
    """Bytes below a folder that no other hard link keeps."""
    stats = (path.stat() for path in entry.rglob("*") if path.is_file())
    return sum(stat.st_size for stat in stats if stat.st_nlink == 1)
