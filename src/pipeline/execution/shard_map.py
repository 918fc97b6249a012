"""One shard map for fetching, embedding, generating and filtering.

DVC empties a stage's outputs before it runs and knows nothing of half-done work. So each finished shard is kept
outside the outputs, in `scratch/steps/<step>/<fingerprint>/`, and hard-linked into them:

1. Fingerprint every shard (code, parameters, input contents, weights, device class, library versions).
2. Run the step for shards without a finished folder, or whose folder is not whole (`finished.py`); it writes to a
   temporary folder, renamed when complete.
3. Link all finished folders into the outputs.

After a crash, or with one shard more, only what is missing is computed. Outputs do not depend on the number of
workers or on interruptions, because a shard is computed alone, in one thread.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.files import remove, write_text
from pipeline.core.process.environment import scratch_limit_bytes
from pipeline.core.progress import progress
from pipeline.execution import scratch as scratch_folder
from pipeline.execution.engine import Engine, chosen_engine
from pipeline.execution.finished import is_whole, link
from pipeline.execution.job import Job, Unexpected
from pipeline.execution.step import Shard, Step, fingerprints

ATTEMPTS = 3


def map_shards(step: Step, shards: Sequence[Shard], into: Mapping[str, Path], scratch: Path) -> None:
    """Run `step` on every shard and link each output `name` of it into the folder `into[name]`.

    Raises UserError if there is no shard, if two shards share a name, or if a shard fails (an unexpected error
    is tried again twice; its traceback then stands in `scratch/errors/`).
    """
    check_names(step, shards)
    engine = chosen_engine()
    prints = fingerprints(step, shards, engine.device().split(":")[0] if step.on_device else "cpu")
    jobs = [Job(shard, scratch / "steps" / step.name / prints[shard.name]) for shard in shards]
    missing = unfinished(step, jobs)
    if missing:
        run_all(engine, step, missing, len(jobs), scratch)
    folders = [job.folder for job in jobs]
    for folder in folders:
        scratch_folder.touch(folder)
    for name, target in into.items():
        target.mkdir(parents=True, exist_ok=True)
        for folder in folders:
            link(folder, name, target)
    scratch_folder.trim(scratch, scratch_limit_bytes(), keep=folders)


def unfinished(step: Step, jobs: Sequence[Job]) -> list[Job]:
    """The jobs without a whole finished folder; a folder that is not whole is removed."""
    there = [job.folder for job in jobs if os.path.lexists(job.folder)]
    whole = {folder for folder in there if is_whole(folder)}
    if whole:
        print(f"{step.name}: {len(whole)} of {len(jobs)} shards are done already", flush=True)
    if damaged := [folder for folder in there if folder not in whole]:
        counts = f"{len(damaged)} of {len(jobs)} shards"
        print(f"{step.name}: {counts} were changed or damaged since and are computed again", flush=True)
        for folder in damaged:
            remove(folder)
    return [job for job in jobs if job.folder not in whole]


def check_names(step: Step, shards: Sequence[Shard]) -> None:
    """Raise UserError if there are no shards or a name repeats."""
    names = [shard.name for shard in shards]
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if not names or repeated:
        raise UserError(
            f"The step '{step.name}' has nothing to work on."
            if not names
            else f"Two inputs of the step '{step.name}' share one name.",
            found=", ".join(repeated),
            fix="check the inputs of the stage",
        )


def run_all(engine: Engine, step: Step, jobs: Sequence[Job], total: int, scratch: Path) -> None:
    """Run the jobs that are missing of `total`.

    A job that fails unexpectedly is tried again when the others are done; any other error ends the map at once.
    """
    workers = min(engine.workers(step), len(jobs))
    waiting, done = list(jobs), total - len(jobs)
    attempts: Counter[str] = Counter()
    with progress(step.name, total) as tell:
        tell(done)
        while waiting:
            failed: list[Job] = []
            with closing(engine.run(step, waiting, workers)) as outcomes:
                for job, error in outcomes:
                    if error is None:
                        done += 1
                        tell(done)
                        continue
                    attempts[job.shard.name] += 1
                    if not isinstance(error, Unexpected) or attempts[job.shard.name] >= ATTEMPTS:
                        raise failure(step, job, error, scratch)
                    failed.append(job)
            waiting = failed


def failure(step: Step, job: Job, error: UserError, scratch: Path) -> UserError:
    """The error that ends the map; that of an unexpected one names the file that keeps its traceback."""
    if not isinstance(error, Unexpected):
        return error
    return UserError(
        f"The step '{step.name}' failed {ATTEMPTS} times on the shard {job.shard.name}; the others are kept.",
        where=error.where or job.place,
        found=error.problem,
        fix=f"{error.fix or kept_traceback(step, job, error, scratch)}; then the same command goes on where it stopped",
    )


def kept_traceback(step: Step, job: Job, error: Unexpected, scratch: Path) -> str:
    """Keep a traceback in a file; returns where it is, for people."""
    log = scratch / "errors" / f"{step.name}-{job.shard.name}.txt"
    try:
        write_text(log, error.details)
    except OSError as refused:
        return f"let {log} be written, which keeps the traceback ({refused.strerror})"
    return f"see {log}, and mend it"
