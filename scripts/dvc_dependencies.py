"""Write the code dependencies of every stage into dvc.yaml: `python scripts/dvc_dependencies.py`.

A stage depends on its own file and on the folders of all modules that it imports, directly or through others, packaged
files included. A folder is named as a whole, and instead of all its subfolders if every one of them is needed. What
lies in a named folder without being imported costs at most a start of the stage: what is computed again is decided by
the exact imports (`pipeline.execution.closure`). With `--check` nothing is written, and the exit code says whether
dvc.yaml is right.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from pipeline.core.files import write_text  # noqa: E402
from pipeline.execution.closure import holds_code, import_closure  # noqa: E402

CODE = ("src/", "stages/")


def code_folders(root: Path) -> set[Path]:
    """All folders of the package that hold code or packaged files themselves."""
    files = (path for path in (root / "src" / "pipeline").rglob("*") if path.is_file())
    counted = (path for path in files if "__pycache__" not in path.parts and not is_empty_package(path))
    return {path.parent for path in counted}


def is_empty_package(path: Path) -> bool:
    """Whether the file is an `__init__.py` without code."""
    return path.name == "__init__.py" and not holds_code(path)


def compact(needed: Iterable[Path], everything: Iterable[Path]) -> list[Path]:
    """Fewest folders that hold the needed ones and no other: a folder stands for its subfolders if all are needed."""
    needed, everything = set(needed), set(everything)

    def cover(folder: Path) -> list[Path]:
        inside = {path for path in everything if folder in (path, *path.parents)}
        if inside <= needed or folder in needed:
            return [folder]
        children = {folder / path.relative_to(folder).parts[0] for path in inside & needed}
        return [part for child in sorted(children) for part in cover(child)]

    roots = {next(parent for parent in (*path.parents, path) if parent.name == "pipeline") for path in needed}
    return [part for root in sorted(roots) for part in cover(root)]


def code_dependencies(stage: str, root: Path = ROOT) -> list[str]:
    """What dvc.yaml has to name for one stage, relative to the root."""
    file = root / "stages" / f"{stage}.py"
    folders = {path.parent for path in import_closure(file, root / "src")} - {file.parent}
    return [path.relative_to(root).as_posix() for path in (file, *compact(folders, code_folders(root)))]


def updated(text: str, root: Path = ROOT) -> str:
    """dvc.yaml with every stage's code dependencies renewed; data dependencies and comments stay."""
    yaml = YAML()
    yaml.width = 1000
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(text)
    for name, stage in content["stages"].items():
        data = [path for path in stage.get("deps", []) if not str(path).startswith(CODE)]
        stage["deps"] = [*code_dependencies(name, root), *data]
    stream = io.StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


def main() -> None:
    """Renew or check the dvc.yaml of this repository."""
    path = ROOT / "dvc.yaml"
    text = updated(path.read_text())
    if text == path.read_text():
        print("dvc.yaml names what the stages import.")
    elif "--check" in sys.argv:
        sys.exit("dvc.yaml does not name what the stages import: run `python scripts/dvc_dependencies.py`")
    else:
        write_text(path, text)
        print("dvc.yaml renewed.")


if __name__ == "__main__":
    main()
