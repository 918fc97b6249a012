"""Prove that the pipeline gives the same bytes, however often it is killed.

    python scripts/check_reproducibility.py --preset smoke --seed 1

Makes clones of this repository's HEAD in a temporary folder and runs `dvc repro` in each: twice undisturbed, once
with only the `dvc` process killed (SIGKILL) at two random moments and `dvc repro` started again at once beside the
orphaned stage, once with the whole process group killed at two random moments. Then it compares the `dvc.lock`
files, and runs `dvc repro` once more, which must do nothing. Needs the virtual environment's `bin` folder in PATH.
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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def clone(target: Path, preset: str) -> Path:
    """A fresh clone of HEAD with a preset's parameters."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(target)], check=True)
    shutil.copy(target / "presets" / f"{preset}.yaml", target / "params.yaml")
    return target


def repro(folder: Path) -> subprocess.Popen[bytes]:
    """Start `dvc repro` in a process group of its own, its output appended to a log."""
    log = (folder.parent / f"{folder.name}.log").open("ab")
    return subprocess.Popen(["dvc", "repro"], cwd=folder, stdout=log, stderr=log, start_new_session=True)


def finish(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for success; end with the log's last lines otherwise."""
    if process.wait() != 0:
        log = folder.parent / f"{folder.name}.log"
        sys.exit(f"dvc repro failed in {folder}:\n" + "\n".join(log.read_text(encoding="utf-8").splitlines()[-30:]))


def killed(folder: Path, moments: list[float], group: bool) -> None:
    """Run to the end, killed after each of the given numbers of seconds and started again at once."""
    for seconds in moments:
        process = repro(folder)
        try:
            process.wait(seconds)
            sys.exit(f"dvc repro ended in {folder} before it could be killed after {seconds:.1f} s")
        except subprocess.TimeoutExpired:
            print(f"  killed after {seconds:.1f} s", flush=True)
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
    finish(repro(folder), folder)


def main() -> None:
    """Run all clones and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", default="smoke")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    base = Path(tempfile.mkdtemp(prefix="reproducibility-"))
    folders = {name: clone(base / name, arguments.preset) for name in ("first", "second", "dvc_killed", "group_killed")}
    durations = []
    for name in ("first", "second"):
        start = time.monotonic()
        finish(repro(folders[name]), folders[name])
        durations.append(time.monotonic() - start)
        print(f"{name}: {durations[-1]:.0f} s", flush=True)
    for name, group in (("dvc_killed", False), ("group_killed", True)):
        print(name, flush=True)
        killed(folders[name], [chance.uniform(0.05, 0.35) * min(durations) for _ in range(2)], group)
    expected = (folders["first"] / "dvc.lock").read_bytes()
    results = {name: (folder / "dvc.lock").read_bytes() == expected for name, folder in folders.items()}
    for name, folder in folders.items():
        start = time.monotonic()
        idle = subprocess.run(["dvc", "repro"], cwd=folder, capture_output=True, text=True, check=True)
        nothing = "Running stage" not in idle.stdout
        seconds = time.monotonic() - start
        print(f"{name}: same dvc.lock: {results[name]}; again: runs nothing: {nothing}, {seconds:.1f} s")
        results[name] &= nothing
    if not all(results.values()):
        sys.exit(f"not reproducible; the clones are kept in {base}")
    shutil.rmtree(base)


if __name__ == "__main__":
    main()
