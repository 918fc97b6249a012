"""A copy of the smoke chain whose stages are started by hand, and what they wrote, as digests."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path

import psutil
from scripts.check_reproducibility import living
from tests.execution.conftest import wait_for
from tests.pipeline.conftest import Clone

WRITES = {
    "embed_teacher": ("data/teacher", "results/embed_teacher"),
    "generate": ("data/generated", "results/generate"),
    "filter": ("data/triplets", "data/rejected", "results/filter"),
    "align": ("models/alignment", "results/align"),
}
ON_A_CPU = {"FINEALIGN_DEVICE": "cpu", "CUDA_VISIBLE_DEVICES": ""}
SECONDS = 1800.0
"""That a start may take on a busy machine."""
SECONDS_TO_END = 30.0
"""Within so many, the processes of a stage that was killed have ended."""


@dataclass(frozen=True)
class SmallChain:
    """A folder with stages and what they read. expected: digests of what unbroken starts wrote, by stage.

    Leaving a `with` block ends what a test that failed has left at work.
    """

    root: Path
    expected: dict[str, dict[str, str]] = field(default_factory=dict)

    def __enter__(self) -> SmallChain:
        return self

    def __exit__(self, *_: object) -> None:
        for process in living(self.root):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def start(self, stage: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a stage in a process group of its own, its output appended to a log."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("FINEALIGN_", "RAY_", "DVC_"))}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, f"stages/{stage}.py"],
                cwd=self.root,
                env={**own, **ON_A_CPU, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def finish(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for a start, which ends well and leaves no process and no temporary file."""
        assert process.wait(SECONDS) == 0, self.said()
        wait_for(lambda: not living(self.root), SECONDS_TO_END)
        assert not list(self.root.rglob(".*.tmp"))

    def run(self, stage: str, **environment: str) -> dict[str, str]:
        """Run a stage anew, undisturbed; returns the digests of what it wrote."""
        self.forget(stage)
        self.finish(self.start(stage, environment))
        return self.written(stage)

    def forget(self, stage: str) -> None:
        """Remove what a stage wrote, and all that was finished."""
        for folder in (".finealign", *WRITES[stage]):
            shutil.rmtree(self.root / folder, ignore_errors=True)

    def written(self, stage: str) -> dict[str, str]:
        """The digest of every file that a stage wrote, by its path."""
        files = (path for folder in WRITES[stage] for path in (self.root / folder).rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    @property
    def log(self) -> Path:
        """What all starts said."""
        return self.root / "log.txt"

    def said(self) -> str:
        """The end of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


def copy_chain(smoke: Clone, target: Path, *needed: str) -> SmallChain:
    """A copy of the smoke chain's code and parameters, and of the folders that are needed."""
    for name in ("src", "stages", *needed):
        shutil.copytree(smoke.root / name, target / name)
    shutil.copy(smoke.root / "presets/smoke.yaml", target / "params.yaml")
    return SmallChain(target)


def cut_shards(source: Path, target: Path, shards: int, images: int) -> None:
    """Write the first pictures of every packed shard into so many small ones."""
    target.mkdir(parents=True)
    for tar in sorted(source.glob("*.tar")):
        split = tar.stem.rpartition("-")[0]
        with tarfile.open(tar) as packed:
            samples = (list(members) for _, members in groupby(packed, lambda member: member.name.partition(".")[0]))
            for number in range(shards):
                place = target / f"{split}-{tar.stem[-1]}{number:03d}.tar"
                with tarfile.open(place, "w") as small:
                    for member in (member for sample in islice(samples, images) for member in sample):
                        small.addfile(member, packed.extractfile(member))
