"""What a stage that was started by hand waits for before it replaces outputs."""

from __future__ import annotations

import os
from pathlib import Path

from tests.core.demo import start, wait_for
from zc.lockfile import LockFile

OUTPUT = "data/pairs/a.txt"


def test_a_stage_by_hand_replaces_no_output_while_dvc_takes_it_up(project: Path) -> None:
    (project / ".dvc/tmp").mkdir(parents=True)
    held_by_dvc = LockFile(str(project / ".dvc/tmp/lock"))
    process = start(project, "text: new")
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(2)]
    assert lines == ["demo: 2/2\n", f"Waiting for process {os.getpid()}, a DVC command (lock).\n"]
    assert not (project / OUTPUT).exists()
    held_by_dvc.close()
    assert process.wait(60) == 0
    assert (project / OUTPUT).read_text() == "new"
    process.communicate()


def test_a_stage_that_dvc_started_does_not_wait_for_it(project: Path) -> None:
    (project / ".dvc/tmp").mkdir(parents=True)
    held_by_dvc = LockFile(str(project / ".dvc/tmp/lock"))
    process = start(project, "text: new", environment={"DVC_STAGE": "demo"})
    wait_for((project / OUTPUT).exists)
    assert process.wait(60) == 0
    held_by_dvc.close()
    process.communicate()
