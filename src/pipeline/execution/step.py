"""What the execution layer runs: a step turns one shard into files, and depends on nothing else."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

from pipeline.core.files import existing_file, hash_file, hash_json
from pipeline.core.settings import machine
from pipeline.execution.closure import code_hash

LIBRARIES = ("numpy", "pillow", "pyarrow", "timm", "tokenizers", "torch", "transformers")
"""Libraries whose version may change a step's bytes."""


@dataclass(frozen=True)
class Shard:
    """One piece of work: a name unique in its map, the files it reads, and a small JSON-able argument."""

    name: str
    files: tuple[Path, ...]
    argument: Any = None


class Step(ABC):
    """A function from one shard to files. A subclass sets `name`, and can be pickled before `setup`.

    `on_device` says that the step computes on the accelerator, so that a machine with one runs as many workers
    as it has accelerators; other steps use the processor's cores. `workers_per_core` is more than one for a step that
    mostly waits.
    """

    name: ClassVar[str]
    on_device: ClassVar[bool] = False
    workers_per_core: ClassVar[int] = 1

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """Everything besides code and input files that changes the output, as JSON: parameters, weights' hashes."""

    def setup(self) -> None:  # noqa: B027  (most steps need none)
        """Prepare one worker process, once: load models. Called before any `run`."""

    @abstractmethod
    def run(self, shard: Shard, folder: Path) -> None:
        """Write the shard's outputs as `folder/<output>/<file>`; same shard and parameters, same bytes."""


def fingerprints(step: Step, shards: Sequence[Shard], device_class: str) -> dict[str, str]:
    """A digest per shard name of all that decides the shard's output.

    Covers the code in the import closure of the step's module, parameters, input files' contents, the class of
    device (`cpu`, `cuda`) and the versions of the libraries that compute. Raises UserError if an input is no file.
    """
    common = {
        "step": step.name,
        "code": code_hash(Path(inspect.getfile(type(step)))),
        "parameters": step.parameters(),
        "device": device_class,
        "libraries": library_versions(),
    }
    files = list(dict.fromkeys(file for shard in shards for file in shard.files))
    with ThreadPoolExecutor(machine().workers) as threads:
        hashes = dict(zip(files, threads.map(_input_hash, files), strict=True))
    return {
        shard.name: hash_json(
            {
                **common,
                "shard": shard.name,
                "argument": shard.argument,
                "files": [hashes[f] for f in shard.files],
            }
        )
        for shard in shards
    }


def _input_hash(file: Path) -> str:
    return hash_file(existing_file(file, "An input of a shard is missing.", "a file", "run the stage that writes it"))


def library_versions() -> dict[str, str]:
    """The installed versions of LIBRARIES."""
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
