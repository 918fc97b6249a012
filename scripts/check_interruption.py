"""Measure how a stage ends at Ctrl-C: `python scripts/check_interruption.py --preset smoke --moments 10`.

Runs the chain once in a clone of this repository's HEAD. Then every stage is started by hand, without its scratch, and
its process group gets SIGINT at so many moments, evenly spread over the time that the stage takes. Prints a table: the
seconds until it has ended (median and longest), exit codes, the most lines on stderr, and how many processes were left.
Ends with exit code 1 if a stage took more than five seconds, said anything but one line, had another exit code than
130, or left a process. Needs the virtual environment's `bin` folder in PATH.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.check_reproducibility import clone, living, start

SECONDS_ALLOWED = 5.0
SECONDS_TO_LEAVE = 0.5
"""After so many, a process that is still there counts as left."""


@dataclass(frozen=True)
class End:
    """How one interrupted start ended: `said` is what it wrote to stderr."""

    seconds: float
    code: int
    said: str
    left: int

    def is_right(self) -> bool:
        """Whether it ended as it should. Python that starts up or shuts down ends without a word of ours."""
        if self.code == -signal.SIGINT:
            return not self.said and not self.left
        one_line = self.said.count("\n") == 1 and "goes on from there" in self.said
        return self.seconds <= SECONDS_ALLOWED and self.code == 130 and one_line and not self.left


def run_by_hand(folder: Path, stage: str) -> subprocess.Popen[str]:
    """Start a stage without its scratch, in a process group of its own."""
    shutil.rmtree(folder / ".finealign", ignore_errors=True)
    command = [sys.executable, f"stages/{stage}.py"]
    return subprocess.Popen(
        command, cwd=folder, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def interrupted(folder: Path, stage: str, seconds: float) -> End | None:
    """How a stage ends that is interrupted after so many seconds; None if it had done its work by then."""
    process = run_by_hand(folder, stage)
    try:
        process.wait(seconds)
        return None
    except subprocess.TimeoutExpired:
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    took = time.monotonic() - began
    if process.returncode == 0:
        return None
    time.sleep(SECONDS_TO_LEAVE)
    return End(took, process.returncode, said, len(living(folder)))


def measure(folder: Path, stage: str, moments: int) -> list[End]:
    """How a stage ends at evenly spread moments of the time that it takes undisturbed."""
    began = time.monotonic()
    run_by_hand(folder, stage).communicate()
    duration = time.monotonic() - began
    ends = [interrupted(folder, stage, duration * (moment + 0.5) / moments) for moment in range(moments)]
    found = [end for end in ends if end]
    times = [end.seconds for end in found] or [0.0]
    codes = ", ".join(sorted({str(end.code) for end in found}))
    lines, left = max(end.said.count("\n") for end in found), sum(end.left for end in found)
    row = (stage, len(found), f"{statistics.median(times):.2f}", f"{max(times):.2f}", codes, lines, left)
    print("| " + " | ".join(map(str, row)) + " |", flush=True)
    for end in found:
        if not end.is_right():
            print(f"  {end}", flush=True)
    return found


def main() -> None:
    """Run the chain, measure every stage, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", default="smoke")
    parser.add_argument("--moments", type=int, default=10)
    arguments = parser.parse_args()
    # A shell's background job ignores SIGINT, and so would everything that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    base = Path(tempfile.mkdtemp(prefix="interruption-"))
    folder = clone(base / "clone", arguments.preset)
    if start(folder).wait() != 0:
        sys.exit(f"the undisturbed run failed: {base}/clone.log")
    print("| stage | interruptions | median s | longest s | exit codes | most lines | left |\n" + "|---" * 7 + "|")
    stages = sorted(path.stem for path in (folder / "stages").glob("*.py"))
    ends = [end for stage in stages for end in measure(folder, stage, arguments.moments)]
    shutil.rmtree(base)
    if not all(end.is_right() for end in ends):
        sys.exit("not every stage ended as it should")


if __name__ == "__main__":
    main()
