"""The static import closure of a Python file inside this project.

All import statements count, those inside functions too. Packaged data files (weights, vocabularies, templates)
belong to the module that declares them: a module-level assignment `PACKAGED = ("weights", …)` names files or
folders beside it. The closure decides what a cached result depends on: the execution layer hashes it, and the
dependencies in `dvc.yaml` are compared with it.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from pipeline.core.files import hash_file, hash_json

SOURCE = Path(__file__).resolve().parents[2]
"""The folder that holds the package `pipeline`."""


def import_closure(start: Path, source: Path = SOURCE) -> list[Path]:
    """`start` and all files of the package that it imports, directly or through others, sorted.

    Packages' `__init__.py` count when they hold more than a docstring. Files come as absolute paths.
    """
    found: set[Path] = set()
    waiting = [start.resolve()]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        if path.suffix == ".py":
            waiting.extend(direct_imports(path, source))
    return sorted(path for path in found if path.name != "__init__.py" or holds_code(path))


@lru_cache(maxsize=1024)
def holds_code(path: Path) -> bool:
    """Whether a module has statements besides its docstring."""
    body = ast.parse(path.read_text(encoding="utf-8"), filename=str(path)).body
    return any(not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant) for node in body)


@lru_cache(maxsize=1024)
def direct_imports(path: Path, source: Path) -> tuple[Path, ...]:
    """The package's own files that one module imports or declares as packaged data."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    names = {name for node in ast.walk(tree) for name in imported_names(node)}
    modules = {file for name in names for file in module_files(name, source)}
    return tuple(sorted(modules | set(packaged_files(tree, path.parent))))


def imported_names(node: ast.AST) -> Iterator[str]:
    """Dotted names that an import statement may refer to: `from a import b` gives a and a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        if node.level:
            raise ValueError("relative imports are not used in this project")
        yield node.module or ""
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_files(name: str, source: Path) -> Iterator[Path]:
    """The file of a dotted module name and the `__init__.py` of its packages, if they are the project's own."""
    parts = name.split(".")
    module = source.joinpath(*parts).with_suffix(".py")
    if module.is_file():
        yield module
    for depth in range(1, len(parts) + 1):
        package = source.joinpath(*parts[:depth], "__init__.py")
        if package.is_file():
            yield package


def packaged_files(tree: ast.Module, folder: Path) -> Iterator[Path]:
    """Files named by a module-level `PACKAGED = (…)`, folders expanded."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "PACKAGED" for target in node.targets
        ):
            for name in ast.literal_eval(node.value):
                path = (folder / name).resolve()
                yield from (p for p in sorted(path.rglob("*")) if p.is_file()) if path.is_dir() else [path]


def code_hash(start: Path, source: Path = SOURCE) -> str:
    """One digest of all files in the closure of `start`, by their place and their content."""
    files = import_closure(start, source)
    return hash_json([[os.path.relpath(path, source), hash_file(path)] for path in files])
