"""Text files are read and written as UTF-8 whatever the machine's locale: every such call names its encoding."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    path for name in ("src", "stages", "studies", "scripts", "benchmarks") for path in (ROOT / name).rglob("*.py")
)
METHODS = {"read_text": 0, "write_text": 1}
"""Methods of Path that need an encoding, and the place of the encoding among their arguments."""


def calls_without_encoding(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(keyword.arg in ("encoding", None) for keyword in node.keywords):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        method = isinstance(node.func, ast.Attribute)
        if method and name in METHODS and len(node.args) <= METHODS[name]:
            yield node
        if name == "open" and not of_a_library(node) and "b" not in mode(node, 0 if method else 1):
            yield node


def of_a_library(node: ast.Call) -> bool:
    """Whether the call opens an archive or an image, which are bytes."""
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return name in ("tarfile", "_zip", "Image", "os", "webbrowser")


def mode(node: ast.Call, place: int) -> str:
    given = [keyword.value for keyword in node.keywords if keyword.arg == "mode"] or node.args[place : place + 1]
    return str(given[0].value) if given and isinstance(given[0], ast.Constant) else ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_call_names_its_encoding(path: Path) -> None:
    tree = ast.parse(path.read_bytes())
    assert [f"line {node.lineno}: {ast.unparse(node)}" for node in calls_without_encoding(tree)] == []


def test_the_check_finds_what_it_looks_for() -> None:
    code = (
        "p.read_text()\np.write_text(t)\np.open()\np.open('a')\nopen(p)\nopen(p, 'rb')\np.open('wb')\nwrite_text(p, t)"
    )
    assert [node.lineno for node in calls_without_encoding(ast.parse(code))] == [1, 2, 3, 4, 5]
