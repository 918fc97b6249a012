"""Write the code dependencies of every stage into dvc.yaml and studies/dvc.yaml: `python scripts/dvc_dependencies.py`.

A stage depends on its own file and on the folders of all modules that it imports, directly or through others, packaged
files included. A folder is named as a whole, and instead of all its subfolders if every one of them is needed. What
lies in a named folder without being imported costs at most a start of the stage: what is computed again is decided by
the exact imports (`pipeline.execution.closure`). With `--check` nothing is written, and the exit code says whether
dvc.yaml is right.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from pipeline.core.files import write_text
from pipeline.execution.closure import holds_code, import_closure

FILES = (ROOT / "dvc.yaml", ROOT / "studies" / "dvc.yaml")


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


def code_dependencies(file: Path, root: Path = ROOT) -> list[str]:
    """What dvc.yaml has to name for the command in one file, relative to the root."""
    folders = {path.parent for path in import_closure(file, root / "src")} - {file.parent}
    return [path.relative_to(root).as_posix() for path in (file, *compact(folders, code_folders(root)))]


def command_file(stage: Mapping[str, Any], root: Path = ROOT) -> Path:
    """The file that a stage runs: the second word of `python stages/filter.py`."""
    return root / stage["cmd"].split()[1]


def is_code(path: str, stage: Mapping[str, Any], root: Path = ROOT) -> bool:
    """Whether a dependency is one of those that are generated."""
    return path.startswith("src/") or root / path == command_file(stage, root)


def updated(text: str, root: Path = ROOT) -> str:
    """A dvc.yaml with every stage's code dependencies renewed; data dependencies and comments stay."""
    yaml = YAML()
    yaml.width = 1000
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(text)
    for stage in content["stages"].values():
        data = [path for path in stage.get("deps", []) if not is_code(str(path), stage, root)]
        stage["deps"] = [*code_dependencies(command_file(stage, root), root), *data]
    stream = io.StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


def main() -> None:
    """Renew or check the chain's dvc.yaml and the studies'."""
    given = {path: path.read_text(encoding="utf-8") for path in FILES}
    wrong = {path: new for path, text in given.items() if (new := updated(text)) != text}
    names = ", ".join(path.relative_to(ROOT).as_posix() for path in wrong)
    if not wrong:
        print("The stages name what they import.")
    elif "--check" in sys.argv:
        sys.exit(f"{names} does not name what the stages import: run `python scripts/dvc_dependencies.py`")
    for path, text in wrong.items():
        write_text(path, text)
        print(f"renewed: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
