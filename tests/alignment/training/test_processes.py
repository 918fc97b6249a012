"""Two connected processes: neither disturbs the other, and both give the model that one process gives."""

import shutil
from pathlib import Path

import pytest
import torch
from tests.alignment import world
from tests.alignment.two_processes import params
from tests.training.objectives import in_two_processes

from pipeline.alignment.training.train import align
from pipeline.encoders.common.checkpoint import WEIGHTS, read_tensors

REPEATED = 3


def test_two_processes_train_the_model_of_one_again_and_again(
    tmp_path: Path, root: Path, capfd: pytest.CaptureFixture
) -> None:
    paths = world.make(tmp_path / "one")
    align(params(), paths)
    expected = read_tensors(paths.alignment / WEIGHTS)
    (own,) = (paths.scratch / "training" / "align").iterdir()
    shutil.rmtree(own)
    copies = [shutil.copytree(paths.root, tmp_path / str(number)) for number in range(REPEATED)]
    assert in_two_processes(root, "tests.alignment.two_processes", *copies) == [0, 0]
    for copy in copies:
        for rank in range(2):
            found = read_tensors(copy / f"model-{rank}" / WEIGHTS)
            torch.testing.assert_close(found, expected, atol=4e-5, rtol=0)
        assert not (copy / ".finealign" / "align").exists()

    shutil.copytree(copies[0] / ".finealign" / "training", paths.scratch / "training", dirs_exist_ok=True)
    capfd.readouterr()
    align(params(), paths)
    assert "going on" not in capfd.readouterr().out and own.is_dir()
