"""Write the code dependencies of every stage into dvc.yaml: `python scripts/dvc_dependencies.py`.

A stage depends on its own file and on all modules that it imports, directly or through others, packaged files
included. A folder is named as a whole when all of it is needed. With `--check` nothing is written, and the exit
code says whether dvc.yaml is right.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from pipeline.execution.closure import import_closure
from pipeline.storage.files import write_text

CODE = ("src/", "stages/")


def source_files(root: Path) -> set[Path]:
    """All files of the package that code could depend on, without caches."""
    files = (path for path in (root / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {p for p in files if p.stat().st_size and not any(part.endswith(".egg-info") for part in p.parts)}


def compact(needed: Iterable[Path], everything: Iterable[Path]) -> list[Path]:
    """Fewest paths that name exactly the needed files: a folder stands for its content if all of it is needed."""
    needed, everything = set(needed), set(everything)

    def cover(folder: Path) -> list[Path]:
        inside = {path for path in everything if folder in path.parents}
        if inside and inside <= needed:
            return [folder]
        children = {folder / path.relative_to(folder).parts[0] for path in inside & needed}
        return [part for child in sorted(children) for part in ([child] if child in needed else cover(child))]

    roots = {path for path in needed if path not in everything}
    package = Path(*next(iter(everything)).parts[: next(iter(everything)).parts.index("pipeline") + 1])
    return sorted(roots) + cover(package)


def code_dependencies(stage: str, root: Path = ROOT) -> list[str]:
    """What dvc.yaml has to name for one stage, relative to the root."""
    closure = import_closure(root / "stages" / f"{stage}.py", root / "src")
    return [path.relative_to(root).as_posix() for path in compact(closure, source_files(root))]


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
