"""A clone of this repository in a temporary folder, in which the smoke chain has run through the real DVC."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML


@dataclass(frozen=True)
class Clone:
    """A working copy and the commands that people run in it."""

    root: Path

    def run(self, *command: str, code: int | None = 0, environment: Mapping[str, str] | None = None) -> str:
        """Run a command; returns stdout and stderr together, and checks the exit code unless it is None."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        result = subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, "PATH": path, "NO_COLOR": "1", **(environment or {})},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert code is None or result.returncode == code, result.stdout[-8000:]
        return result.stdout

    def repro(self, *arguments: str) -> list[str]:
        """`dvc repro`; returns the stages that ran, in order."""
        lines = self.run("dvc", "repro", *arguments).splitlines()
        return [line.split("'")[1] for line in lines if line.startswith("Running stage '")]

    def edit(self, **changes: Any) -> None:
        """Set parameters: `edit(filter__min_confidence=0.5)`."""
        yaml, path = YAML(), self.root / "params.yaml"
        content = yaml.load(path)
        for name, value in changes.items():
            *sections, key = name.split("__")
            place = content
            for section in sections:
                place = place[section]
            place[key] = value
        yaml.dump(content, path)

    def commit(self, message: str) -> None:
        """Commit everything that git does not ignore."""
        self.run("git", "add", "--all")
        self.run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", message)


def make_clone(root: Path, target: Path) -> Clone:
    """A copy of what git tracks, or would, with the smoke preset, as a repository of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)
    shutil.copy(target / "presets" / "smoke.yaml", target / "params.yaml")
    for lock in ("dvc.lock", "studies/dvc.lock"):
        (target / lock).unlink(missing_ok=True)
    clone = Clone(target)
    clone.run("git", "init", "--quiet")
    clone.commit("Start")
    return clone


@pytest.fixture(scope="session")
def shard_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder and the loopback address that serves it."""
    folder = tmp_path_factory.mktemp("served")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def smoke(root: Path, tmp_path_factory: pytest.TempPathFactory, shard_server: tuple[Path, str]) -> Clone:
    """The whole smoke chain, its packed shards fetched over HTTP, committed."""
    folder, address = shard_server
    clone = make_clone(root, tmp_path_factory.mktemp("smoke"))
    clone.repro("draw_toyworld")
    shards = sorted((clone.root / "data/raw/toyworld/cc3m").glob("*.tar"))
    for shard in shards:
        shutil.copy(shard, folder / shard.name)
    content = YAML().load(clone.root / "params.yaml")
    sources = content["fetch_pairs"]["sources"]
    for source in sources:
        name = Path(source["location"]).name.replace("*", "{0000..%04d}")
        count = len([s for s in shards if s.name.startswith(name.split("{")[0])])
        source["location"] = f"{address}/{name % (count - 1)}"
    clone.edit(fetch_pairs__sources=sources)
    clone.repro()
    clone.commit("Smoke chain")
    return clone
