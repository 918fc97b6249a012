"""What the machine has, asked before something large begins: no word until the kernel kills it helps nobody."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pipeline.core.errors import UserError

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_bytes() -> int:
    """Main memory of this machine, or of the container that it is."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = CGROUP_LIMIT.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return physical
    return min(physical, int(limit)) if limit.isdigit() else physical


def free_disk_bytes(folder: Path) -> int:
    """Free space of the disk that `folder` lies on, or will lie on."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    return shutil.disk_usage(there).free


def require(what: str, needed: float, available: float, where: str, found: object, fix: str) -> None:
    """Raise UserError if more bytes of `what` are needed than there are; `found` is the number at the key `where`."""
    if needed > available:
        raise UserError(
            f"This takes more {what} than the machine has: about {needed / 1e9:,.1f} GB.",
            where=where,
            expected=f"at most {available / 1e9:,.1f} GB",
            found=found,
            fix=fix,
        )
