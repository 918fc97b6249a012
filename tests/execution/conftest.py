"""A folder that counts runs, shards that hold one text each, and a map over them in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.execution.step import Shard

PROGRAM = """
import sys
from pathlib import Path
from tests.execution.steps import Shout
from pipeline.core.errors import UserError
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard

base = Path(sys.argv[1])
work = [Shard(path.stem, (path,)) for path in sorted((base / "in").iterdir())]
try:
    map_shards(Shout(base / "counter"), work, {"loud": base / "out" / "loud"}, base / "scratch")
except UserError as error:
    sys.exit(str(error))
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    folder = tmp_path / "counter"
    folder.mkdir()
    return folder


@pytest.fixture
def shards(tmp_path: Path) -> Callable[..., list[Shard]]:
    """Makes a shard for each text, in a file of its own."""

    def make(*texts: str) -> list[Shard]:
        (tmp_path / "in").mkdir(exist_ok=True)
        result = []
        for number, text in enumerate(texts):
            path = tmp_path / "in" / f"{number}.txt"
            path.write_text(text)
            result.append(Shard(str(number), (path,)))
        return result

    return make


@pytest.fixture
def start(tmp_path: Path, counter: Path, root: Path) -> Iterator[Start]:
    """Starts a map over the shards, as leader of a group of processes; `before` are shell commands that come first."""
    started = []

    def begin(before: str = "true", workers: int = 2) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}", "FINEALIGN_WORKERS": str(workers)}
        command = ["sh", "-c", f'{before}; exec "$@"', "sh", sys.executable, "-c", PROGRAM, str(tmp_path)]
        process = subprocess.Popen(
            command, env=environment, cwd=root, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until a condition holds; fails after some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def workers_of(counter: Path) -> list[int]:
    """The processes that ran a shard."""
    return [int(text) for path in counter.iterdir() if (text := path.read_text())]


def is_alive(process: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False
