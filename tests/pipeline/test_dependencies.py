"""dvc.yaml, params.yaml and the presets against the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from scripts.dvc_dependencies import code_dependencies, code_folders, compact
from tests.pipeline.conftest import Clone, make_clone

from pipeline.cli.doctor import stage_params
from pipeline.core.errors import UserError
from pipeline.execution.closure import holds_code, import_closure

STAGES = sorted(path.stem for path in (Path(__file__).resolve().parents[2] / "stages").glob("*.py"))


@pytest.fixture(scope="module")
def chain(root: Path) -> dict:
    return YAML(typ="safe").load(root / "dvc.yaml")["stages"]


def test_every_stage_file_is_a_stage(chain: dict) -> None:
    assert sorted(chain) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_dependencies_hold_the_import_closure_and_name_no_folder_in_vain(root: Path, chain: dict, stage: str) -> None:
    named = [root / path for path in chain[stage]["deps"] if path.startswith(("src/", "stages/"))]
    imported = import_closure(root / "stages" / f"{stage}.py")
    assert all(path in named or any(folder in path.parents for folder in named) for path in imported)
    for folder in code_folders(root):
        if any(folder == name or name in folder.parents for name in named):
            assert any(path.parent == folder for path in imported), f"nothing in {folder} is imported"


@pytest.mark.parametrize("stage", STAGES)
def test_dependencies_are_up_to_date(root: Path, chain: dict, stage: str) -> None:
    named = [path for path in chain[stage]["deps"] if path.startswith(("src/", "stages/"))]
    assert named == code_dependencies(root / "stages" / f"{stage}.py"), "run `python scripts/dvc_dependencies.py`"


@pytest.mark.parametrize("stage", STAGES)
def test_closure_covers_what_python_really_loads(root: Path, stage: str) -> None:
    program = (
        "import runpy, sys, pathlib;"
        f"runpy.run_path('stages/{stage}.py', run_name='loaded');"
        "print(*[m.__file__ for m in list(sys.modules.values())"
        " if '/src/pipeline/' in (getattr(m, '__file__', None) or '')], sep='\\n')"
    )
    out = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True).stdout
    loaded = {Path(line) for line in out.splitlines() if Path(line).name != "__init__.py" or holds_code(Path(line))}
    assert loaded <= set(import_closure(root / "stages" / f"{stage}.py"))


def test_training_never_sees_the_truth(root: Path) -> None:
    for stage in STAGES:
        names = {path.relative_to(root).as_posix() for path in import_closure(root / "stages" / f"{stage}.py")}
        seen = {name for name in names if name.startswith("src/pipeline/toyworld/")}
        assert not seen or stage in ("draw_toyworld", "evaluate", "evaluate_data"), (stage, seen)


def test_compact_names_exactly_the_needed_folders() -> None:
    package = Path("src/pipeline")
    folders = [package / name for name in ("a", "b/c", "b/d", "e/f", "e/g", "h", "h/i")]
    needed = [folders[0], folders[1], folders[2], folders[4], folders[5], folders[6]]
    assert compact(needed, folders) == [package / name for name in ("a", "b", "e/g", "h")]


@pytest.mark.parametrize("preset", ["smoke", "default", "flickr8k", "cc3m", "s-smke"])
def test_presets_are_valid(root: Path, preset: str) -> None:
    stage_params(root, root / "presets" / f"{preset}.yaml")


def test_params_are_the_default_preset(root: Path) -> None:
    assert (root / "params.yaml").read_bytes() == (root / "presets/default.yaml").read_bytes()


def test_doctor_says_what_is_missing(root: Path, tmp_path: Path) -> None:
    clone: Clone = make_clone(root, tmp_path)
    assert "lacks" not in clone.run("finealign", "doctor")
    out = clone.run("finealign", "doctor", "flickr8k", code=1)
    assert "lacks  data/raw/photos" in out and "Traceback" not in out
    assert "GPU memory" in clone.run("finealign", "doctor", "cc3m", code=1)
    assert "There is no preset 'huge'" in clone.run("finealign", "doctor", "huge", code=1)
    clone.edit(align__typo=1)
    assert "align.typo: unknown key" in clone.run("finealign", "doctor", code=1)
    assert "Removed nothing" in clone.run("finealign", "clean")


def test_a_stage_needs_its_section(root: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("filter: {}\n")
    with pytest.raises(UserError, match="no section"):
        stage_params(root, tmp_path / "params.yaml")
