"""Steps for the tests: they must lie in a module that worker processes can import."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pipeline.core.errors import UserError
from pipeline.core.samples import at_sample
from pipeline.execution.step import Shard, Step


@dataclass
class Shout(Step):
    """Writes the input in capitals; counts its runs in a folder; may fail, die or be slow on command."""

    name: ClassVar[str] = "shout"
    counter: Path
    suffix: str = "!"
    seconds: float = 0.0

    def parameters(self) -> dict[str, Any]:
        return {"suffix": self.suffix}

    def run(self, shard: Shard, folder: Path) -> None:
        attempt = len(list(self.counter.glob(f"{shard.name}.*"))) + 1
        (self.counter / f"{shard.name}.{attempt}").write_text(str(os.getpid()))
        time.sleep(self.seconds)
        text = shard.files[0].read_text()
        if text == "slow" or (text == "late" and attempt == 1):
            time.sleep(600)
        with at_sample(shard.files[0], text):
            self.fail(text, attempt)
        for output in ("loud", "louder"):
            (folder / output).mkdir()
            (folder / output / f"{shard.name}.txt").write_text(text.upper() + self.suffix)
        if text == "large":
            (folder / "loud" / "large").write_bytes(bytes(4_000_000))

    def fail(self, text: str, attempt: int) -> None:
        """Fail in the way that the text asks for."""
        if text == "wrong":
            raise UserError("The input is wrong.")
        if text == "flaky" and attempt == 1:
            raise OSError("the disk hiccuped")
        if text == "broken":
            raise ValueError("a bug")
        if text == "fatal" and attempt == 1:
            os._exit(9)
        if text == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if text == "hungry":
            bytes(1 << 60)
        if text == "greedy":
            [bytearray(1 << 28) for _ in range(64)]


class Hoarse(Shout):
    """Cannot be set up."""

    def setup(self) -> None:
        raise UserError("There is no voice.", where=self.counter)


class Mute(Shout):
    """Has a bug in its setup."""

    def setup(self) -> None:
        raise ValueError("a bug")


class Starved(Shout):
    """Has no memory for its model."""

    def setup(self) -> None:
        bytes(1 << 60)
