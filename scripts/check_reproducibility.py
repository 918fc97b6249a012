"""Prove that the pipeline gives the same bytes, however often and wherever it is killed.

    python scripts/check_reproducibility.py --preset smoke --kills 20 --seeds 1 2 3

Runs `dvc repro` undisturbed in a clone of this repository's HEAD; then once per seed in another clone, where so many
processes are killed (SIGKILL) at random moments: `dvc` alone, the stage alone, one worker, or the whole group. Some
are killed twice in a row; some starts change a parameter while an orphan with the old one still lives, and the next one
changes it back. Every start follows at once, beside the orphans. In the end `dvc.lock` must be that of the
undisturbed run, another `dvc repro` must run nothing, no start may have failed that was not killed, and no process may
be left. Needs the virtual environment's `bin` folder in PATH.

DVC itself does not write its own files by a rename. Where a kill has cut `dvc.lock` or the list of DVC's locks, the
script says so and restores or removes the file, as a user would have to.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("dvc", "dvc", "stage", "worker", "group", "dvc twice", "group twice", "parameter")
"""What is killed; `dvc` alone is where most can go wrong."""
SECONDS_TO_END = 10.0
"""Within so many, an orphan must have ended."""
FAULTS = 5
"""After so many, a run is given up."""


def clone(target: Path, preset: str) -> Path:
    """A fresh clone of HEAD with a preset's parameters."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(target)], check=True)
    shutil.copy(target / "presets" / f"{preset}.yaml", target / "params.yaml")
    return target


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start `dvc repro` in a process group of its own, its output appended to a log."""
    log = (folder.parent / f"{folder.name}.log").open("ab")
    return subprocess.Popen(["dvc", "repro"], cwd=folder, stdout=log, stderr=log, start_new_session=True)


def stage_of(dvc: subprocess.Popen[bytes]) -> tuple[str, list[psutil.Process]]:
    """The stage that a `dvc repro` is running, and its process followed by its workers; nothing between two stages."""
    with suppress(psutil.Error):
        for child in psutil.Process(dvc.pid).children(recursive=True):
            words = child.cmdline()
            if len(words) == 2 and words[1].startswith("stages/"):
                workers = [worker for server in child.children() for worker in server.children()]
                return Path(words[1]).stem, [child, *workers]
    return "", []


def end_process(process: psutil.Process) -> None:
    """Kill a process, unless it has ended."""
    with suppress(psutil.NoSuchProcess):
        process.kill()


def living(folder: Path) -> list[psutil.Process]:
    """All processes that work in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder:
                found.append(process)
        except psutil.Error:
            continue
    return found


def mend_cut_files(folder: Path) -> list[str]:
    """Restore dvc.lock and remove DVC's list of locks, if they are not whole; returns their names."""
    cut = [name for name in ("dvc.lock", ".dvc/tmp/rwlock") if is_cut(folder / name)]
    for name in cut:
        (folder / name).unlink()
        if name == "dvc.lock":
            subprocess.run(["git", "checkout", "--quiet", name], cwd=folder, check=True)
    return cut


def is_cut(file: Path) -> bool:
    """Whether a file of DVC's is there but is empty or ends in the middle."""
    with suppress(YAMLError):
        return file.exists() and not YAML(typ="safe").load(file)
    return True


@dataclass
class Disturbed:
    """A run that is killed again and again: its clone, the moments' randomness, and what went wrong."""

    folder: Path
    chance: random.Random
    faults: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def run(self, kills: int, duration: float) -> None:
        """Run to the end, with kills spread over about as long as the run takes undisturbed."""
        process = start(self.folder)
        while len(self.done) < kills and len(self.faults) < FAULTS:
            try:
                code = process.wait(self.chance.uniform(0.3, 1.7) * duration / kills)
            except subprocess.TimeoutExpired:
                process = self.kill(process, self.chance.choice(KINDS))
                continue
            if code == 0:
                break
            process = self.start_again(code)
        while (code := process.wait()) != 0 and len(self.faults) < FAULTS:
            process = self.start_again(code)

    def start_again(self, code: int) -> subprocess.Popen[bytes]:
        """Start anew after a start that failed by itself: a fault, unless a kill had cut a file of DVC's own."""
        cut = mend_cut_files(self.folder)
        if cut:
            print(f"    cut by the last kill, and mended: {', '.join(cut)}", flush=True)
        self.expect(bool(cut), f"a start that was not killed ended with {code}")
        return start(self.folder)

    def expect(self, holds: bool, fault: str) -> None:
        """Note what went wrong."""
        if not holds:
            print(f"    FAULT after {self.done[-1:]}: {fault}", flush=True)
            self.faults.append(fault)

    def kill(self, dvc: subprocess.Popen[bytes], kind: str) -> subprocess.Popen[bytes]:
        """Kill what `kind` says; returns the run that goes on, which is a new one if this one was ended."""
        name, processes = stage_of(dvc)
        self.done.append(f"{kind} in {name or 'between two stages'}")
        print(f"    {self.done[-1]}", flush=True)
        if kind == "worker":
            if processes[1:]:
                end_process(self.chance.choice(processes[1:]))
            return dvc
        if kind == "stage":
            return self.kill_stage(dvc, processes)
        if kind == "parameter":
            return self.change_parameter(dvc, name or "draw_toyworld")
        self.end(dvc, group=kind.startswith("group"))
        if kind.endswith("twice"):
            dvc = start(self.folder)
            time.sleep(self.chance.uniform(0, 4))
            self.end(dvc, group=kind.startswith("group"))
        return start(self.folder)

    def end(self, dvc: subprocess.Popen[bytes], group: bool) -> None:
        """Kill `dvc`, or its whole group, unless it has ended."""
        if dvc.poll() is None:
            os.killpg(dvc.pid, signal.SIGKILL) if group else dvc.kill()
        self.expect(dvc.wait() in (0, -signal.SIGKILL), f"a start that was to be killed ended with {dvc.returncode}")

    def kill_stage(self, dvc: subprocess.Popen[bytes], processes: list[psutil.Process]) -> subprocess.Popen[bytes]:
        """Kill the stage, if one runs; its `dvc` then fails and is started anew."""
        for stage in processes[:1]:
            end_process(stage)
            try:
                self.expect(dvc.wait(SECONDS_TO_END) != 0, "a start whose stage was killed ended with 0")
                return start(self.folder)
            except subprocess.TimeoutExpired:  # The stage was finished already.
                break
        return dvc

    def change_parameter(self, dvc: subprocess.Popen[bytes], stage: str) -> subprocess.Popen[bytes]:
        """Kill `dvc`, start it with another parameter of its stage, kill it again, and change the parameter back."""
        file = self.folder / "params.yaml"
        before = file.read_bytes()
        self.end(dvc, group=False)
        write_other_seed(file, stage)
        changed = start(self.folder)
        time.sleep(self.chance.uniform(1, 6))
        self.end(changed, group=False)
        file.write_bytes(before)
        return start(self.folder)


def write_other_seed(file: Path, section: str) -> None:
    """Change the first seed of a section, or the report's title if the section has none."""
    yaml = YAML()
    content = yaml.load(file)
    if not change_seed(content[section]):
        content["report"]["title"] = "Another title"
    with file.open("w", encoding="utf-8") as stream:
        yaml.dump(content, stream)


def change_seed(value: Any) -> bool:
    """Change the first seed in nested parameters; returns whether there is one."""
    if isinstance(value, dict):
        if "seed" in value:
            value["seed"] += 1000
            return True
        return any(change_seed(item) for item in value.values())
    return False


def check(disturbed: Disturbed, expected: bytes) -> None:
    """Note what is not as after an undisturbed run."""
    folder, end = disturbed.folder, time.monotonic() + SECONDS_TO_END
    while (left := living(folder)) and time.monotonic() < end:
        time.sleep(0.1)
    disturbed.expect(not left, f"processes are left: {[process.pid for process in left]}")
    disturbed.expect((folder / "dvc.lock").read_bytes() == expected, "dvc.lock is another one")
    again = subprocess.run(["dvc", "repro"], cwd=folder, capture_output=True, text=True, check=False)
    disturbed.expect(again.returncode == 0 and "Running stage" not in again.stdout, "another start runs something")
    temporary = [*(folder / ".finealign").rglob(".*.tmp")]
    disturbed.expect(not temporary, f"temporary files are left: {temporary}")


def main() -> None:
    """Run all clones and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", default="smoke")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the random kills; one run each")
    arguments = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="reproducibility-"))
    undisturbed, began = clone(base / "undisturbed", arguments.preset), time.monotonic()
    if start(undisturbed).wait() != 0:
        sys.exit(f"the undisturbed run failed: {base}/undisturbed.log")
    duration = time.monotonic() - began
    print(f"undisturbed: {duration:.0f} s", flush=True)
    expected, faults = (undisturbed / "dvc.lock").read_bytes(), 0
    for seed in arguments.seeds:
        began = time.monotonic()
        disturbed = Disturbed(clone(base / f"seed-{seed}", arguments.preset), random.Random(seed))
        disturbed.run(arguments.kills, duration)
        check(disturbed, expected)
        faults += len(disturbed.faults)
        seconds = time.monotonic() - began
        print(f"seed {seed}: {len(disturbed.done)} kills, {len(disturbed.faults)} faults, {seconds:.0f} s", flush=True)
    if faults:
        sys.exit(f"not reproducible; the clones are kept in {base}")
    shutil.rmtree(base)


if __name__ == "__main__":
    main()
