"""Ctrl-C, SIGTERM and SIGHUP end a stage at once, with one line.

Everything that a stage keeps is whole or absent (temporary file, then a rename), so it may end anywhere and nothing
needs to be unwound; what is half-written is swept at the next start. Python runs a signal's handler in the main thread,
between two of its own instructions, and the main thread may be inside one long operation of a library. So a thread
waits for the signal instead, on the file descriptor that Python's C code writes the signal's number to.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from contextlib import suppress
from functools import cache
from typing import NoReturn

from pipeline.core.progress import standing

REASONS = {
    signal.SIGINT: "Interrupted",
    signal.SIGTERM: "Terminated",
    signal.SIGHUP: "Terminated, since its terminal was closed",
}
SHOW_CURSOR = "\x1b[?25h"
"""A progress bar hides a terminal's cursor."""

_ending = threading.Lock()


@cache
def end_on_signals() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP end this process; one that is ignored (`nohup`) stays ignored."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in REASONS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    threading.Thread(target=_end_on_signal, args=(reader,), daemon=True).start()


def _end_on_signal(reader: int) -> None:
    number = 0
    while number not in REASONS:
        number = os.read(reader, 1)[0]
    end(signal.Signals(number))


def end(number: signal.Signals, reason: str = "") -> NoReturn:
    """End this process and its workers with exit code 128 + `number`, and with one line for people.

    The line says how far the work had come. Under `torchrun` only process 0 speaks.
    """
    if not _ending.acquire(blocking=False):
        threading.Event().wait()  # Another thread ends the process.
    from multiprocessing import active_children, util

    if os.environ.get("RANK", "0") == "0":
        at = f" at {standing()}" if standing() else ""
        leave_bar = f"{SHOW_CURSOR}\n" if sys.stdout and sys.stdout.isatty() else ""
        line = f"{reason or REASONS[number]}{at}. What is finished is kept; the same command goes on from there."
        with suppress(OSError):
            os.write(2, f"{leave_bar}{line}\n".encode())
    for worker in active_children():
        worker.kill()
    shutil.rmtree(util.get_temp_dir(), ignore_errors=True)  # The socket of the fork server.
    os._exit(128 + number)
