"""A finished shard that is not what it was is computed again; the right bytes come out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.execution.steps import Shout

from pipeline.core.errors import UserError
from pipeline.core.files import write_text
from pipeline.core.process.leftovers import sweep
from pipeline.execution.finished import LIST, is_whole, link
from pipeline.execution.job import Job, Writer, attempt
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard


def edit_output(finished: Path, out: Path) -> None:
    with (out / "0.txt").open("r+") as stream:
        stream.write("X")


def flip_byte(finished: Path, out: Path) -> None:
    data = bytearray((finished / "loud" / "0.txt").read_bytes())
    data[0] ^= 1
    (finished / "loud" / "0.txt").write_bytes(data)


def remove_file(finished: Path, out: Path) -> None:
    (finished / "louder" / "0.txt").unlink()


def add_file(finished: Path, out: Path) -> None:
    (finished / "loud" / "9.txt").write_text("more")


def empty(finished: Path, out: Path) -> None:
    shutil.rmtree(finished)
    finished.mkdir()


def empty_outputs(finished: Path, out: Path) -> None:
    for name in ("loud", "louder"):
        shutil.rmtree(finished / name)


def without_list(finished: Path, out: Path) -> None:
    (finished / LIST).unlink()


def damage_list(finished: Path, out: Path) -> None:
    (finished / LIST).write_bytes(b"\xff[[")


def list_of_nothing(finished: Path, out: Path) -> None:
    (finished / LIST).write_text("{}")


def folder_for_file(finished: Path, out: Path) -> None:
    (finished / "loud" / "0.txt").unlink()
    (finished / "loud" / "0.txt").mkdir()


def link_for_file(finished: Path, out: Path) -> None:
    (finished / "loud" / "0.txt").rename(out.parent / "elsewhere")
    (finished / "loud" / "0.txt").symlink_to(out.parent / "elsewhere")


def file_for_folder(finished: Path, out: Path) -> None:
    shutil.rmtree(finished)
    finished.write_text("a file")


def dangling_link(finished: Path, out: Path) -> None:
    shutil.rmtree(finished)
    finished.symlink_to("nowhere")


def pipe_for_file(finished: Path, out: Path) -> None:
    (finished / "loud" / "0.txt").unlink()
    os.mkfifo(finished / "loud" / "0.txt")


@pytest.mark.parametrize(
    "damage",
    [
        edit_output,
        flip_byte,
        remove_file,
        add_file,
        empty,
        empty_outputs,
        without_list,
        damage_list,
        list_of_nothing,
        folder_for_file,
        link_for_file,
        file_for_folder,
        dangling_link,
        pipe_for_file,
    ],
)
def test_a_changed_shard_is_computed_again(
    tmp_path: Path,
    counter: Path,
    shards: Callable[..., list[Shard]],
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path, Path], None],
) -> None:
    def run(out: str) -> dict[str, str]:
        into = {name: tmp_path / out / name for name in ("loud", "louder")}
        map_shards(Shout(counter), shards("a", "b"), into, tmp_path / "scratch")
        return {str(path.relative_to(tmp_path / out)): path.read_text() for path in (tmp_path / out).rglob("*.txt")}

    right = run("out")
    finished = next(path.parents[1] for path in (tmp_path / "scratch").rglob("loud/0.txt"))
    damage(finished, tmp_path / "out" / "loud")
    capsys.readouterr()
    assert run("again") == right
    assert "1 of 2 shards were changed or damaged since and are computed again" in capsys.readouterr().out
    assert sorted(path.name for path in counter.iterdir()) == ["0.1", "0.2", "1.1"]
    assert run("third") == right
    assert "2 of 2 shards are done already" in capsys.readouterr().out


class Outliving(Shout):
    """Its stage has been killed, and started again, before it has written the last output."""

    def run(self, shard: Shard, folder: Path) -> None:
        write_text(folder / "loud" / "0.txt", "A!")
        sweep(self.counter.parent)
        write_text(folder / "louder" / "0.txt", "A!")


def test_a_worker_that_outlives_its_stage_finishes_no_part_of_a_shard(
    tmp_path: Path, counter: Path, shards: Callable[..., list[Shard]]
) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    (shard,) = shards("a")
    job = Job(shard, tmp_path / "scratch" / "steps" / "shout" / "0")
    assert isinstance(attempt(Outliving(counter), job, Writer(ended.pid, "-far")), UserError)
    assert not list(job.folder.parent.iterdir())


def test_the_list_holds_size_and_sha256(tmp_path: Path, counter: Path, shards: Callable[..., list[Shard]]) -> None:
    map_shards(Shout(counter), shards("a"), {"loud": tmp_path / "out"}, tmp_path / "scratch")
    (file,) = (tmp_path / "scratch").rglob(LIST)
    facts = {"size": 2, "sha256": hashlib.sha256(b"A!").hexdigest()}
    assert json.loads(file.read_text()) == {"loud/0.txt": facts, "louder/0.txt": facts}
    assert is_whole(file.parent)


def test_a_shard_that_vanishes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="vanished"):
        link(tmp_path / "gone", "loud", tmp_path / "out")
    (tmp_path / LIST).write_text('{"loud/0.txt": {}}')
    with pytest.raises(UserError, match="vanished"):
        link(tmp_path, "loud", tmp_path / "out")
