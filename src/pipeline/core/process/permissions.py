"""Permissions, asked before the work begins; `system_errors` tells what is refused later."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from pipeline.core.errors import UserError

DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
FIX = "change its permissions or its owner (chmod, chown), or run as another user"


def require_writable(paths: Iterable[Path]) -> None:
    """Raise UserError for a path that this process could neither make nor replace.

    What must be writable is the path itself if it is there, and the folder that it is in, or would be made in.
    """
    for path in paths:
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        for there in (folder, path):
            rights = os.W_OK | (os.X_OK if there.is_dir() else 0)
            if there.exists() and not os.access(there, rights):
                raise UserError("An output cannot be written.", where=there, expected="permission to write", fix=FIX)


def require_readable(path: Path, where: object) -> None:
    """Raise UserError, naming `where`, if this process may not read a file or folder that is there."""
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise UserError("An input cannot be read.", where=where, expected="permission to read", fix=FIX)
