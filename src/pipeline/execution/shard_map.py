"""One shard map for fetching, embedding, generating and filtering.

DVC empties a stage's outputs before it runs and knows nothing of half-done work. So each finished shard is kept
outside the outputs, in `scratch/steps/<step>/<fingerprint>/`, and hard-linked into them:

1. Fingerprint every shard (code, parameters, input contents, weights, device class, library versions).
2. Run the step for shards without a finished folder; it writes to a temporary folder, renamed when complete.
3. Link all finished folders into the outputs.

After a crash, or with one shard more, only what is missing is computed. Outputs do not depend on the number of
workers or on interruptions, because a shard is computed alone, in one thread.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.files import link_or_copy, remove
from pipeline.core.progress import progress
from pipeline.core.settings import Machine, machine
from pipeline.execution import scratch as scratch_folder
from pipeline.execution.local import Job, run_local
from pipeline.execution.step import Shard, Step, fingerprints

ATTEMPTS = 3


def map_shards(step: Step, shards: Sequence[Shard], into: Mapping[str, Path], scratch: Path) -> None:
    """Run `step` on every shard and link each output `name` of it into the folder `into[name]`.

    Raises UserError if there is no shard, if two shards share a name, or if a shard fails (an unexpected error
    is tried again twice; its traceback then stands in `scratch/errors/`).
    """
    check_names(step, shards)
    here = machine()
    prints = fingerprints(step, shards, here.device.split(":")[0] if step.on_device else "cpu")
    folders = {shard.name: scratch / "steps" / step.name / prints[shard.name] for shard in shards}
    missing = [(shard, folders[shard.name]) for shard in shards if not folders[shard.name].is_dir()]
    if len(missing) < len(shards):
        print(f"{step.name}: {len(shards) - len(missing)} of {len(shards)} shards are done already", flush=True)
    if missing:
        run_all(step, missing, workers_for(step, here), scratch)
    for folder in folders.values():
        scratch_folder.touch(folder)
    for name, target in into.items():
        target.mkdir(parents=True, exist_ok=True)
        for folder in folders.values():
            for file in sorted((folder / name).glob("*")):
                link_or_copy(file, target / file.name)
    scratch_folder.trim(scratch, scratch_folder.limit_bytes(), keep=folders.values())


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


def workers_for(step: Step, here: Machine) -> Machine:
    """The machine as a step sees it: accelerators limit the workers of a step that computes on them."""
    if step.on_device and here.device.startswith("cuda") and "FINEALIGN_WORKERS" not in os.environ:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        gpus = len(visible.split(",")) if visible else len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
        return replace(here, workers=max(1, gpus))
    return here


def run_all(step: Step, jobs: Sequence[Job], here: Machine, scratch: Path) -> None:
    """Run every job; a job that fails unexpectedly is tried again, a user's error ends the map."""
    waiting = list(jobs)
    attempts: dict[str, int] = {}
    done = 0
    with progress(step.name, len(jobs)) as tell:
        while waiting:
            finished: set[str] = set()
            for (shard, _), error in run_local(step, waiting, run_job, here):
                if error is None:
                    finished.add(shard.name)
                    done += 1
                    tell(done)
                    continue
                attempts[shard.name] = attempts.get(shard.name, 0) + 1
                if isinstance(error, UserError):
                    raise error
                if attempts[shard.name] >= ATTEMPTS:
                    raise failure(step, shard, error, scratch)
            waiting = [job for job in waiting if job[0].name not in finished]


def run_job(step: Step, job: Job) -> None:
    """Run one shard into a temporary folder beside its final one, and rename it when it is complete."""
    shard, folder = job
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    remove(temporary)
    temporary.mkdir(parents=True)
    try:
        step.run(shard, temporary)
        if folder.is_dir():
            remove(temporary)
        else:
            temporary.rename(folder)
    except BaseException:
        remove(temporary)
        raise


def failure(step: Step, shard: Shard, error: Exception, scratch: Path) -> UserError:
    """The error for a shard that failed every time; keeps the traceback in a file."""
    log = scratch / "errors" / f"{step.name}-{shard.name}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return UserError(
        f"The step '{step.name}' failed {ATTEMPTS} times on one shard; the others are kept.",
        where=shard.name,
        found=f"{type(error).__name__}: {error}",
        fix=f"see {log}; after mending it, the same command goes on where it stopped",
    )
