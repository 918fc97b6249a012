"""A stage's command: errors, locks, staging, hard links."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.cli.clean import clean_repository
from pipeline.core.errors import UserError
from pipeline.core.stage import Paths, run_app
from pipeline.core.stage import run as run_stage

STAGE = '''"""Writes pairs.

Reads   nothing
Writes  data/pairs/
"""
import os
import sys
import time
sys.path.insert(0, {source!r})
from pipeline.core.errors import UserError
from pipeline.core.settings import Params
from pipeline.core.stage import Paths, stage

class DemoParams(Params):
    text: str
    until: str | None = None
    fail: bool = False

@stage(writes=["pairs"])
def main(params: DemoParams, paths: Paths) -> dict:
    paths.pairs.mkdir(parents=True)
    (paths.pairs / "a.txt").write_text(params.text)
    while params.until and not os.path.exists(params.until):
        time.sleep(0.02)
    if params.fail:
        raise UserError("It failed.", where="here", fix="do better")
    return {{"length": len(params.text)}}

if __name__ == "__main__":
    main()
'''


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "demo.py").write_text(STAGE.format(source=str(root / "src")))
    return tmp_path


def start(project: Path, text: str, *arguments: str) -> subprocess.Popen[str]:
    content = f"inputs: {{datasets: data/raw/a, encoders: data/raw/b, triplets: data/triplets}}\ndemo: {{{text}}}\n"
    (project / "params.yaml").write_text(content)
    command = [sys.executable, "stages/demo.py", *arguments]
    return subprocess.Popen(command, cwd=project, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(project: Path, text: str, *arguments: str) -> tuple[int, str, str]:
    process = start(project, text, *arguments)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_writes_outputs_and_metrics(project: Path) -> None:
    assert run(project, "text: hello")[0] == 0
    assert (project / "data/pairs/a.txt").read_text() == "hello"
    assert '"length": 5' in (project / "results/demo/metrics.json").read_text()


def test_help_says_what_it_reads_and_writes(project: Path) -> None:
    code, out, _ = run(project, "text: hello", "--help")
    assert code == 0 and "Reads" in out and "data/pairs" in out


def test_help_says_which_parameters_there_are(project: Path) -> None:
    _, out, _ = run(project, "text: hello", "--help")
    assert "params.yaml if not given" in out
    assert "demo.text: text, required\n" in out and "demo.fail: true | false, default false\n" in out


def test_an_old_output_is_unlinked_not_written_through(project: Path) -> None:
    run(project, "text: old")
    cache = project / "cache"
    os.link(project / "data/pairs/a.txt", cache)
    run(project, "text: new")
    assert cache.read_text() == "old"


def test_a_failure_leaves_nothing_and_shows_no_traceback(project: Path) -> None:
    run(project, "text: old")
    code, _, err = run(project, "text: new, fail: true")
    assert code == 1 and err.startswith("error: It failed.") and "Traceback" not in err
    assert not (project / "data/pairs").exists() and not (project / "results/demo").exists()


def test_wrong_parameters_leave_the_old_outputs(project: Path) -> None:
    run(project, "text: old")
    code, _, err = run(project, "text: 3")
    assert code == 1 and "demo.text" in err and "Traceback" not in err
    assert (project / "data/pairs/a.txt").read_text() == "old"


@pytest.fixture
def first(project: Path) -> Iterator[subprocess.Popen[str]]:
    """A start that has begun to write and goes on until there is a file `go`."""
    process = start(project, "text: first, until: go")
    while not (project / ".finealign/staging/demo/data/pairs/a.txt").exists():
        time.sleep(0.02)
    yield process
    process.kill()
    process.communicate()


def test_a_second_start_waits_for_the_first(project: Path, first: subprocess.Popen[str]) -> None:
    second = start(project, "text: second")
    assert second.stdout
    assert second.stdout.readline() == f"Waiting for process {first.pid}, which still runs this stage (demo.lock).\n"
    (project / "go").touch()
    assert second.communicate(timeout=60)[0] == ""
    assert first.wait(60) == second.returncode == 0
    assert (project / "data/pairs/a.txt").read_text() == "second"


def test_a_killed_process_holds_no_lock(project: Path, first: subprocess.Popen[str]) -> None:
    first.kill()
    first.wait(60)
    code, out, _ = run(project, "text: second")
    assert code == 0 and "Waiting" not in out
    assert (project / "data/pairs/a.txt").read_text() == "second"


def test_scratch_is_not_removed_under_a_running_stage(project: Path, first: subprocess.Popen[str]) -> None:
    with pytest.raises(UserError, match="A stage is running"):
        clean_repository(project, dry_run=False)
    (project / "go").touch()
    assert first.wait(60) == 0
    assert "Removed .finealign" in clean_repository(project, dry_run=False)
    assert not (project / ".finealign").exists()


@pytest.mark.parametrize("refused", ["data", "results", ".finealign", ".finealign/locks/draw.lock"])
def test_a_stage_that_may_not_write_ends_before_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    place = tmp_path / refused
    place.mkdir(parents=True)
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != place and allowed(path, mode))

    def work(_: Paths) -> dict[str, Any]:
        raise AssertionError("the stage has begun its work")

    with pytest.raises(UserError, match="output cannot be written") as error:
        run_stage(work, Paths.of(tmp_path, "draw"), "draw", ["pairs", "results"])
    assert error.value.where == str(place)


def test_what_is_denied_in_the_middle_of_the_work_is_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()

    @app.command()
    def command() -> None:
        raise PermissionError(13, "Permission denied", "models/x")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["x"])
        run_app(app)
    assert ended.value.code == 1
    assert "models/x" in capsys.readouterr().err
