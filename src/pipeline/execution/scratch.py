"""The scratch folder: finished shards and checkpoints that survive a crash, a kill, or DVC emptying the outputs.

It lies inside the repository (ignored by git and DVC) so that hard links to outputs work, and is kept below a
size limit by dropping what was used longest ago. Files that are hard-linked into an output or DVC's cache do not count
towards the limit.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR

from pipeline.core.files import remove


def touch(entry: Path) -> None:
    """Mark an entry as used now, if it is still there."""
    with suppress(FileNotFoundError):
        os.utime(entry)


def trim(scratch: Path, limit: int, keep: Iterable[Path] = ()) -> None:
    """Drop the entries of `scratch/<kind>/<name>/` used longest ago until the rest fits `limit` bytes.

    Entries in `keep` stay whatever their size. So do temporary folders, and what may not be removed. Another stage may
    drop entries meanwhile.
    """
    kept = set(keep)
    found = (path for kind in ("steps", "training") for path in (scratch / kind).glob("*/[!.]*"))
    used = {entry: stat.st_mtime for entry in found if (stat := _stat(entry)) and S_ISDIR(stat.st_mode)}
    total = 0
    for entry in sorted(used, key=lambda entry: (entry in kept, used[entry]), reverse=True):
        total += own_bytes(entry)
        if total > limit and entry not in kept:
            with suppress(OSError):
                remove(entry)


def own_bytes(entry: Path) -> int:
    """Bytes below a folder that no other hard link keeps, as far as they can be seen."""
    files = (Path(folder, name) for folder, _, names in os.walk(entry) for name in names)
    stats = (stat for stat in map(_stat, files) if stat is not None)
    return sum(stat.st_size for stat in stats if stat.st_nlink == 1)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None
