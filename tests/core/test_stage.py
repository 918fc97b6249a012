"""A stage's command: errors, locks, staging, hard links."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.core.demo import run, set_params, start

from pipeline.cli.clean import clean_repository
from pipeline.core.errors import UserError
from pipeline.core.stage import Paths, run_app
from pipeline.core.stage import run as run_stage


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


def test_a_failure_leaves_the_old_outputs_and_shows_no_traceback(project: Path) -> None:
    run(project, "text: old")
    code, _, err = run(project, "text: new, fail: true")
    assert code == 1 and err.startswith("error: It failed.") and "Traceback" not in err
    assert (project / "data/pairs/a.txt").read_text() == "old"
    assert '"length": 3' in (project / "results/demo/metrics.json").read_text()


def test_wrong_parameters_leave_the_old_outputs(project: Path) -> None:
    run(project, "text: old")
    code, _, err = run(project, "text: 3")
    assert code == 1 and "demo.text" in err and "Traceback" not in err
    assert (project / "data/pairs/a.txt").read_text() == "old"


def test_a_second_start_waits_for_the_first(project: Path, first: subprocess.Popen[str]) -> None:
    second = start(project, "text: second")
    assert second.stdout
    assert second.stdout.readline() == f"Waiting for process {first.pid}, which still runs this stage (demo.lock).\n"
    (project / "go").touch()
    assert "Waiting" not in second.communicate(timeout=60)[0]
    assert first.wait(60) == second.returncode == 0
    assert (project / "data/pairs/a.txt").read_text() == "second"


def test_a_start_that_waited_reads_its_parameters_again(project: Path, first: subprocess.Popen[str]) -> None:
    second = start(project, "text: second")
    assert second.stdout and second.stdout.readline().startswith("Waiting")
    set_params(project, "text: third")
    (project / "go").touch()
    assert first.wait(60) == second.wait(60) == 0
    assert (project / "data/pairs/a.txt").read_text() == "third"
    second.communicate()


@pytest.mark.usefixtures("first")
def test_a_mistake_is_told_before_the_wait(project: Path) -> None:
    code, out, err = run(project, "text: 3")
    assert code == 1 and "demo.text" in err and out == ""


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


def outputs(paths: Paths, text: str) -> dict[str, Any]:
    """A stage's work: two outputs and its metrics hold the same text."""
    for folder in (paths.triplets, paths.rejected):
        folder.mkdir(parents=True)
        (folder / "text").write_text(text)
    return {"text": text}


@pytest.mark.parametrize("moment", range(6))
def test_a_kill_between_two_renames_leaves_no_metrics_beside_other_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    paths, writes = Paths.of(tmp_path, "draw"), ["triplets", "rejected", "results"]
    places = [paths.triplets / "text", paths.rejected / "text", paths.results / "metrics.json"]
    run_stage(lambda staged: outputs(staged, "old"), paths, "draw", writes)
    rename, calls = Path.rename, iter(range(100))

    def killed(path: Path, target: Path) -> Path:
        if next(calls) == moment:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "rename", killed)
        run_stage(lambda staged: outputs(staged, "new"), paths, "draw", writes)
    if places[-1].exists():
        assert moment == 0 and all("old" in place.read_text() for place in places)
    run_stage(lambda staged: outputs(staged, "new"), paths, "draw", writes)
    assert all("new" in place.read_text() for place in places)
    assert not (paths.scratch / "staging" / "draw").exists()


def test_an_output_that_is_missing_leaves_the_old_ones(tmp_path: Path) -> None:
    paths, writes = Paths.of(tmp_path, "draw"), ["triplets", "rejected", "results"]
    run_stage(lambda staged: outputs(staged, "old"), paths, "draw", writes)
    with pytest.raises(UserError, match="did not write one of its outputs") as error:
        run_stage(lambda _: {}, paths, "draw", writes)
    assert error.value.where == str(paths.triplets)
    assert (paths.triplets / "text").read_text() == (paths.rejected / "text").read_text() == "old"
    assert "old" in (paths.results / "metrics.json").read_text()


PRINTING = r"""
import typer
from pipeline.core.stage import run_app
app = typer.Typer()
@app.command()
def show() -> None:
    print("\u00b2 \u2026")
run_app(app)
"""


def test_a_character_that_the_locale_lacks_is_printed_in_another_way(root: Path) -> None:
    narrow = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": str(root / "src")}
    narrow.pop("PYTHONIOENCODING", None)
    done = subprocess.run([sys.executable, "-c", PRINTING], env=narrow, capture_output=True, text=True, check=False)
    assert done.stdout == "\\xb2 \\u2026\n" and done.stderr == "" and done.returncode == 0
