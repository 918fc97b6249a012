"""Run the chain without DVC, from what dvc.yaml and params.yaml say: the stages are plain commands.

    python scripts/run_chain.py                  # all stages
    python scripts/run_chain.py align evaluate   # these, and the stages that they need

A stage needs another if it depends on one of that one's outputs, on a file inside it, or on a folder around it. Every
stage runs, whether it is up to date or not; it takes up its finished shards and trainings from the scratch folder, so
what did not change costs little. The outputs are those of `dvc repro`, byte for byte; nothing is cached or recorded.
"""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]

Stages = dict[str, dict[str, Any]]


def read_stages(root: Path) -> Stages:
    """The stages of dvc.yaml by name, with every `${section.key}` replaced by its value in params.yaml."""
    params = YAML(typ="safe").load(root / "params.yaml")

    def value(match: re.Match[str]) -> str:
        return str(functools.reduce(lambda section, key: section[key], match[1].split("."), params))

    text = re.sub(r"\$\{([\w.]+)\}", value, (root / "dvc.yaml").read_text(encoding="utf-8"))
    return YAML(typ="safe").load(text)["stages"]


def outputs(stage: Mapping[str, Any]) -> Iterator[PurePosixPath]:
    """What a stage writes. An entry is a path, or a mapping from the path to what DVC does with it."""
    for entry in (entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])):
        yield PurePosixPath(entry if isinstance(entry, str) else next(iter(entry)))


def needs(stages: Stages) -> dict[str, set[str]]:
    """The stages that each stage needs to have run before."""
    written = {name: list(outputs(stage)) for name, stage in stages.items()}

    def reads(stage: Mapping[str, Any], paths: Sequence[PurePosixPath]) -> bool:
        read = map(PurePosixPath, stage.get("deps", []))
        return any(path.is_relative_to(out) or out.is_relative_to(path) for path in read for out in paths)

    return {
        name: {other for other, paths in written.items() if other != name and reads(stage, paths)}
        for name, stage in stages.items()
    }


def in_order(stages: Stages, wanted: Sequence[str]) -> list[str]:
    """The wanted stages and all that they need, each after those that it needs. No wanted stage: all."""
    needed = needs(stages)
    order = list(TopologicalSorter(needed).static_order())
    chosen = set(wanted or order)
    for name in reversed(order):
        if name in chosen:
            chosen |= needed[name]
    return [name for name in order if name in chosen]


def main(wanted: Annotated[list[str] | None, typer.Argument(help="Stages; none: all of them.")] = None) -> None:
    """Run stages and what they need, in order, without DVC."""
    stages = read_stages(ROOT)
    unknown = sorted(set(wanted or []) - stages.keys())
    if unknown:
        sys.exit(f"error: no such stage: {', '.join(unknown)}; there are {', '.join(stages)}")
    for name in in_order(stages, wanted or []):
        command = shlex.split(stages[name]["cmd"])
        if command[0] == "python":
            command[0] = sys.executable
        print(f"Running stage '{name}': {stages[name]['cmd']}", flush=True)
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code:
            sys.exit(code)


if __name__ == "__main__":
    typer.run(main)
