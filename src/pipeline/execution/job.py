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
from pipeline.execution.finished import begin, complete
from pipeline.execution.step import Shard, Step


class Writer(NamedTuple):
    """Who writes: a process of this machine, or the worker of that name, anywhere, that this process has started."""

    process: int
    worker: str = ""


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

    def temporary(self, writer: Writer) -> Path:
        """Where the outputs are written until they are complete."""
        return temporary_path(self.folder.with_name(self.folder.name + writer.worker), writer.process)

    def sample(self, writer: Writer) -> Path:
        """Where the name of the sample at hand is kept."""
        return temporary_path(self.folder.with_name(f"{self.folder.name}{writer.worker}-sample"), writer.process)

    def last_sample(self, writer: Writer) -> str:
        """The sample, and the shard's file, that a writer was at when it died."""
        name = read_name(self.sample(writer))
        return name if self.place in name else f"{name}; {self.place}".removeprefix("; ")

    def drop(self, writer: Writer) -> None:
        """Remove what is left of an attempt, as far as that is possible; the next start sweeps the rest."""
        for path in (self.temporary(writer), self.sample(writer)):
            with suppress(OSError):
                remove(path)


Outcome = tuple[Job, UserError | None]
"""A job that ended, and what went wrong."""


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


def attempt(step: Step, job: Job, writer: Writer | None = None) -> UserError | None:
    """Run one shard; returns what went wrong. `writer` is this process if none is given."""
    writer = writer or Writer(os.getpid())
    try:
        _run(step, job, writer)
    except Exception as error:
        return explained(error, job.temporary(writer))
    finally:
        job.drop(writer)
    return None


def _run(step: Step, job: Job, writer: Writer) -> None:
    temporary = job.temporary(writer)
    job.drop(writer)
    begin(temporary)
    with names_kept_in(job.sample(writer)), at_sample(job.place):
        step.run(job.shard, temporary)
    complete(temporary)
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
