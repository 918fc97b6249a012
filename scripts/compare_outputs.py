"""Compare the digests of all outputs with those of another commit: has a change of code left every byte alone?

    dvc repro                                        # writes dvc.lock
    python scripts/compare_outputs.py HEAD           # against the dvc.lock of a commit
    python scripts/compare_outputs.py ../old/dvc.lock

Dependencies are ignored, since they hold the code. Where a folder differs, and both versions lie in DVC's cache, the
files that differ are named. The exit code is 1 if any output differs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".dvc" / "cache" / "files" / "md5"

Digests = dict[str, str]


def output_digests(lock: str) -> Digests:
    """The digest of every output of every stage, by path, from the text of a dvc.lock."""
    stages: Mapping[str, Any] = YAML(typ="safe").load(lock)["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}


def lock_of(place: str) -> str:
    """The text of a dvc.lock: a file, or the one of a commit."""
    if Path(place).is_file():
        return Path(place).read_text(encoding="utf-8")
    command = ["git", "show", f"{place}:dvc.lock"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"error: {place!r} is neither a file nor a commit with a dvc.lock: {result.stderr.strip()}")
    return result.stdout


def files_in(digest: str) -> Digests | None:
    """The files of a folder in DVC's cache with their digests; None if the cache lacks it."""
    path = CACHE / digest[:2] / digest[2:]
    if not digest.endswith(".dir") or not path.is_file():
        return None
    return {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_text(encoding="utf-8"))}


def differences(before: Digests, after: Digests) -> Iterator[str]:
    """One line for each output that was added, removed or changed, and one for each changed file inside."""
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        yield f"{path}: {old or 'absent'} -> {new or 'absent'}"
        inside = [files_in(digest) if digest else None for digest in (old, new)]
        if inside[0] is not None and inside[1] is not None:
            yield from (f"  {path}/{line}" for line in differences(inside[0], inside[1]))


def main(
    before: Annotated[str, typer.Argument(help="A commit, or a dvc.lock.")] = "HEAD",
    after: Annotated[str, typer.Argument(help="A commit, or a dvc.lock.")] = str(ROOT / "dvc.lock"),
) -> None:
    """Compare the outputs of two dvc.lock files, whatever the code that made them."""
    old, new = output_digests(lock_of(before)), output_digests(lock_of(after))
    lines = list(differences(old, new))
    print("\n".join(lines) or f"All {len(new)} outputs are equal.")
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    typer.run(main)
