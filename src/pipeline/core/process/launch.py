"""A training on several processes of this machine, one for each GPU, without `torchrun` by hand.

The stage's process is replaced by this program, which starts the same command once for each rank, with the variables
that `torchrun` sets. Rank 0 speaks; what another says is shown if it fails. Signals are passed on. If a rank fails the
others get some seconds to end, and the program ends with its exit code. Ranks end with this program, however it ends.
For several machines there is `torchrun`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import psutil

from pipeline.core.process.environment import whole_number

SECONDS_TO_END = 10.0
"""How long ranks go on after another has failed."""
OTHER_ENDED = "Another process of this training has ended."
"""What a rank says that failed because another did (`training.distributed`)."""
PR_SET_PDEATHSIG = 1
"""Of Linux's prctl.h: the signal that a process gets when its parent ends."""


def launch(gpus: int) -> None:
    """Replace this process by several ranks of it: FINEALIGN_PROCESSES, else one for each of so many GPUs.

    Returns where one process is enough, or where this is a rank already. Raises UserError if FINEALIGN_PROCESSES is no
    positive number.
    """
    count = whole_number("FINEALIGN_PROCESSES", 1) or gpus
    if count <= 1 or "RANK" in os.environ or "WORLD_SIZE" in os.environ:
        return
    source = Path(__file__).resolve().parents[3]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(source), *filter(None, [os.environ.get("PYTHONPATH")])])
    os.execv(sys.executable, [sys.executable, "-m", "pipeline.core.process.launch", str(count), *sys.argv])


def run_ranks(count: int, command: Sequence[str]) -> int:
    """Run a Python command as so many ranks; returns 0, or the exit code of the first that failed (128 + a signal)."""
    meeting = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    with ExitStack() as stack:
        said = [stack.enter_context(TemporaryFile()) for _ in range(1, count)]
        ranks = [
            psutil.Popen(
                [sys.executable, *command],
                env={**os.environ, **meeting, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=subprocess.DEVNULL if rank else None,
                stderr=said[rank - 1] if rank else None,
                preexec_fn=_end_with_parent,
            )
            for rank in range(count)
        ]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _passed_to(ranks))
        code = _wait(ranks)
        if code:
            texts = {_text(file): rank for rank, file in enumerate(said, 1) if ranks[rank].returncode}
            for text, rank in texts.items():
                sys.stderr.write(f"rank {rank}: {text}" if text and OTHER_ENDED not in text else "")
    return code


def _passed_to(ranks: Sequence[psutil.Popen]) -> Callable[[int, Any], None]:
    def pass_on(number: int, _: Any) -> None:
        for rank in ranks:
            if rank.is_running():
                rank.send_signal(number)

    return pass_on


def _wait(ranks: Sequence[psutil.Popen]) -> int:
    ended: list[Any]
    alive: list[Any] = list(ranks)
    while alive:
        ended, alive = psutil.wait_procs(alive, timeout=1.0)
        if failed := [rank.returncode for rank in ended if rank.returncode]:
            _, alive = psutil.wait_procs(alive, timeout=SECONDS_TO_END)
            for rank in alive:
                rank.kill()
            psutil.wait_procs(alive)
            return failed[0] if failed[0] > 0 else 128 - failed[0]
    return 0


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


if __name__ == "__main__":
    sys.exit(run_ranks(int(sys.argv[1]), sys.argv[2:]))
