"""What is not as it was written is never taken up; what the disk does not take leaves the checkpoint before it."""

from __future__ import annotations

import os
import pickle
import random
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.objectives import Toy, settings

from pipeline.core.errors import UserError
from pipeline.training import checkpoint
from pipeline.training.distributed import World
from pipeline.training.loop import train

CPU = torch.device("cpu")


def trained(scratch: Path) -> dict[str, torch.Tensor]:
    objective = Toy()
    train(objective, settings(), name="toy", fingerprint="f", scratch=scratch, device="cpu")
    return objective.state_dict()


def flip(bits: int) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        data, rng = bytearray(path.read_bytes()), random.Random(bits)
        for place in rng.sample(range(8 * len(data)), bits):
            data[place // 8] ^= 1 << place % 8
        path.write_bytes(data)

    return change


def edited(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def save_again(path: Path) -> None:
        state = torch.load(path, weights_only=True)
        torch.save(change(state), path)

    return save_again


def with_nan(state: dict[str, Any]) -> dict[str, Any]:
    state["best"]["a.0.weight"][0, 0] = float("nan")
    return state


class Opened:
    """What is unpickled leaves a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("unpickled",)


def into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "file").touch()


def into_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "one bit": flip(1),
    "2,000 bits": flip(2_000),
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "one byte short": lambda path: os.truncate(path, path.stat().st_size - 1),
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "a pickle": lambda path: path.write_bytes(pickle.dumps(Opened())),
    "lacks a key": edited(lambda state: {key: value for key, value in state.items() if key != "optimiser"}),
    "a list": edited(lambda state: list(state.values())),
    "other shapes": edited(lambda state: {**state, "best": {k: v[None] for k, v in state["best"].items()}}),
    "NaN in the best weights": edited(with_nan),
    "a folder": into_folder,
    "a pipe": into_pipe,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_checkpoint_is_said_and_the_training_starts_anew(
    tmp_path: Path, damage: Callable[[Path], object], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = trained(tmp_path)
    (path,) = tmp_path.glob("training/toy/*/checkpoint.pt")
    damage(path)
    capsys.readouterr()
    found = trained(tmp_path)
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if str(path) in line] == [
        f"The checkpoint {path} is damaged or was edited; the training starts anew."
    ]
    assert not any("going on" in line for line in said) and not Path("unpickled").exists()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    trained(tmp_path)
    assert "going on from step 12 of 12" in capsys.readouterr().out


@contextmanager
def small_files() -> Iterator[None]:
    """No file may grow beyond 4 kB, as on a full disk; lifted before pytest itself writes to its own output."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {"step": 1})
    with small_files(), pytest.raises(UserError, match="cannot be written") as error:
        checkpoint.save(path, {"step": 2, "weights": torch.zeros(10_000)})
    assert error.value.where == str(path)
    assert error.value.found.startswith("The disk is full") and error.value.found.endswith("GB are free")
    assert checkpoint.load(path, CPU) == {"step": 1} and list(tmp_path.iterdir()) == [path]


def test_other_processes_devices_and_libraries_have_checkpoints_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> list[str]:
        cuda = torch.device("cuda")
        return [checkpoint.machine_fingerprint("f", size, device) for size, device in ((1, CPU), (2, CPU), (1, cuda))]

    before = found()
    assert before == found() and len(set(before)) == 3
    monkeypatch.setattr(checkpoint, "library_versions", lambda: {"torch": "0"})
    assert not set(before) & set(found())


def test_processes_with_different_checkpoints_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "from_first", lambda _self, value: 7 if value == 0 else value)
    with pytest.raises(UserError, match="found different checkpoints") as error:
        trained(tmp_path)
    assert "after 7 updates" in error.value.expected and "after 0 updates" in error.value.found
