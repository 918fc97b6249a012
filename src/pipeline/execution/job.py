"""One attempt at one shard, in this process: into a temporary folder, which is renamed when it is complete.

What goes wrong comes back as a UserError, so that it can travel between processes. Two kinds are told apart: a mistake
of the user or a refusal of the system, which would come again at once, and an error that nobody foresaw
(`Unexpected`), after which the shard is tried again.
"""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pipeline.core.errors import UserError
from pipeline.core.files import remove, temporary_path
from pipeline.core.process.system_errors import system_error
from pipeline.core.samples import at_sample, names_kept_in, read_name, sample_of
from pipeline.execution.finished import write_list
from pipeline.execution.step import Shard, Step


class Job(NamedTuple):
    """A shard, and the folder in scratch that its outputs go to."""

    shard: Shard
    folder: Path

    @property
    def place(self) -> str:
        """The shard's file for messages, relative to here if it lies below; its name where it has none."""
        if not self.shard.files:
            return self.shard.name
        file = self.shard.files[0]
        return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)

    def temporary(self, process: int) -> Path:
        """Where a process writes the outputs until they are complete."""
        return temporary_path(self.folder, process)

    def sample(self, process: int) -> Path:
        """Where a process keeps the name of the sample at hand."""
        return temporary_path(self.folder.with_name(f"{self.folder.name}-sample"), process)

    def last_sample(self, process: int) -> str:
        """The sample, and the shard's file, that a process was at when it died."""
        name = read_name(self.sample(process))
        return name if self.place in name else f"{name}; {self.place}".removeprefix("; ")

    def drop(self, process: int) -> None:
        """Remove what a process left of an attempt, as far as that is possible; the next start sweeps the rest."""
        for path in (self.temporary(process), self.sample(process)):
            with suppress(OSError):
                remove(path)


class Unexpected(UserError):
    """An error that nobody foresaw. `details` is its traceback, empty if there is none."""

    details = ""


def set_up(step: Step) -> UserError | None:
    """Prepare this process for a step; returns what went wrong."""
    try:
        step.setup()
    except Exception as error:
        return explained(error, f"the set-up of the step '{step.name}'")
    return None


def attempt(step: Step, job: Job) -> UserError | None:
    """Run one shard; returns what went wrong."""
    temporary = job.temporary(os.getpid())
    try:
        _run(step, job, temporary)
    except Exception as error:
        return explained(error, temporary)
    finally:
        job.drop(os.getpid())
    return None


def _run(step: Step, job: Job, temporary: Path) -> None:
    job.drop(os.getpid())
    temporary.mkdir(parents=True)
    with names_kept_in(job.sample(os.getpid())), at_sample(job.place):
        step.run(job.shard, temporary)
    write_list(temporary)
    try:
        temporary.rename(job.folder)
    except OSError:
        if not job.folder.is_dir():  # Another process may have finished the same shard meanwhile.
            raise


def explained(error: Exception, where: object = "") -> UserError:
    """An error as a message that names the sample at hand; `where` is the place if the error names none."""
    known = error if isinstance(error, UserError) else system_error(error, where)
    if known is None:
        known = Unexpected(f"{type(error).__name__}: {error}", where=sample_of(error))
        known.details = "".join(traceback.format_exception(error))
    if known is not error and sample_of(error):
        known.add_note(sample_of(error))
    return known
