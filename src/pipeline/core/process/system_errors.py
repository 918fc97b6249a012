"""What the system refused, as a message with a way out: permission, disk, memory, open files.

Most such errors are an OSError with a number. Some libraries wrap them in types of their own that keep only the text,
or say in words of their own that less was written than asked, so texts are looked at too.
"""

from __future__ import annotations

import errno
import re

from pipeline.core.errors import UserError
from pipeline.core.process.permissions import DENIED
from pipeline.core.process.permissions import FIX as PERMIT

DISK = (errno.ENOSPC, errno.EDQUOT)
DISK_TEXT = re.compile(
    r"No space left on device|\d+ requested and \d+ written|enforce fail at inline_container", re.IGNORECASE
)
"""As Rust's libraries (safetensors, polars), numpy and torch say it."""
MEMORY_TEXT = re.compile(
    r"(not|n't) allocate memory|out of memory|bad_alloc|failed to map segment|start new thread|launch worker thread",
    re.IGNORECASE,
)
"""As torch says it on processor and GPU, C++, the loader of libraries, Python and pyarrow."""
FILES = (errno.EMFILE, errno.ENFILE)

LESS_MEMORY = "use fewer workers (FINEALIGN_WORKERS=1) or a smaller batch where the stage has one, or add memory"
MORE_ROOM = "make room (`finealign clean` empties the scratch folder), then start the same command again"
FEWER_FILES = "raise the limit (`ulimit -n 1024`), or use fewer workers (FINEALIGN_WORKERS=1)"


def system_error(error: BaseException, where: object = "") -> UserError | None:
    """The message for an error that means that the system refused something; None for any other error.

    `where` names the place if the error itself does not.
    """
    if isinstance(error, UserError):
        return None
    number, text = getattr(error, "errno", None), str(error)
    if number in DENIED:
        problem, fix = "A file or folder may not be used.", PERMIT
    elif isinstance(error, MemoryError) or number == errno.ENOMEM or MEMORY_TEXT.search(text):
        problem, fix = "There is not enough memory.", LESS_MEMORY
    elif number in DISK or DISK_TEXT.search(text):
        problem, fix = "The disk is full, or a quota is used up.", MORE_ROOM
    elif number in FILES:
        problem, fix = "Too many files are open.", FEWER_FILES
    else:
        return None
    place = getattr(error, "filename", None) or where
    return UserError(problem, where=place, found=f"{type(error).__name__}: {text[:300]}".rstrip(": "), fix=fix)
