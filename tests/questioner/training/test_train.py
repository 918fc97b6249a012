"""A training as a whole: killed, going on from an earlier model, what it writes, and what cannot be trained."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from tests.questioner import annotated
from tests.questioner.two_processes import PARAMS
from tests.training.objectives import in_two_processes

from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.encoders.common.checkpoint import read_tensors
from pipeline.questioner.training.params import TrainFilterParams, TrainGeneratorParams
from pipeline.questioner.training.train import QuestionerTraining
from pipeline.tables.held_out import HELD_OUT_ANSWERS, HELD_OUT_CAPTIONS
from pipeline.training import loop

EARLIER = "data/raw/encoders/earlier"


def params(layers: int = 1, task: str = "generator", **model: Any) -> TrainGeneratorParams | TrainFilterParams:
    return (TrainGeneratorParams if task == "generator" else TrainFilterParams).model_validate(
        {
            "model": {"train_image_encoder": False, "text": {"layers": layers}, **model},
            "samples": {"mask_prob": 0.6},
            "validation": {"images_while_training": 2},
            "training": {"seed": 0, "steps": 6, "batch_size": 3, "learning_rate": 0.01, "eval_every": 2},
        }
    )


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths.of(tmp_path, "train_generator")
    annotated.write_annotations(found.annotations)
    return found


def test_training_goes_on_from_an_earlier_model(paths: Paths):
    metrics = QuestionerTraining(params(), paths).run()
    assert metrics["validation"]["answers"]["questions"] == 6 and metrics["best_step"] in (2, 4, 6)
    weights = read_tensors(paths.generator / "model.safetensors")
    shutil.move(paths.generator, paths.root / EARLIER)
    fresh = QuestionerTraining(params(), paths).modules.state_dict()
    later = QuestionerTraining(params(init_from=EARLIER), paths)
    assert all(torch.equal(weights[name], value) for name, value in later.modules.state_dict().items())
    assert not all(torch.equal(weights[name], value) for name, value in fresh.items())
    assert later.fingerprint() != QuestionerTraining(params(), paths).fingerprint()
    with pytest.raises(UserError, match="do not fit"):
        QuestionerTraining(params(layers=2, init_from=EARLIER), paths)
    with pytest.raises(UserError, match="cannot be read"):
        QuestionerTraining(params(init_from="data/raw/encoders/nowhere"), paths)


def train_until(root: Path, task: str, death: int | None) -> None:
    """Train; before update `death` this process kills itself."""
    update = loop.Run.update

    def mortal(self: loop.Run, micros: Sequence[Any]) -> dict[str, float]:
        if self.step == death:
            os.kill(os.getpid(), signal.SIGKILL)
        return update(self, micros)

    loop.Run.update = mortal
    loop.SECONDS_BETWEEN_CHECKPOINTS = 0.0
    QuestionerTraining(params(task=task), Paths.of(root, f"train_{task}")).run()


@pytest.mark.parametrize("task", ["generator", "filter"])
def test_a_killed_training_gives_the_same_bytes(tmp_path: Path, root: Path, task: str):
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"}
    models, said = [], ""
    for name, deaths in (("whole", []), ("killed", [3])):
        paths = Paths.of(tmp_path / name, f"train_{task}")
        annotated.write_annotations(paths.annotations)
        for death in [*deaths, None]:
            code = "from pathlib import Path; from tests.questioner.training.test_train import train_until\n"
            code += f"train_until(Path({str(paths.root)!r}), {task!r}, {death})"
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True
            )
            assert done.returncode == (0 if death is None else -signal.SIGKILL), done.stderr
            said = done.stdout
        folder = paths.generator if task == "generator" else paths.filter_model
        models.append({path.name: path.read_bytes() for path in [*folder.iterdir(), *paths.results.rglob("*.*")]})
    assert "going on from step 3" in said
    assert models[0] == models[1]


def test_two_processes_train_the_model_of_one(paths: Paths, root: Path):
    QuestionerTraining(PARAMS, paths).run()
    assert in_two_processes(root, "tests.questioner.two_processes", paths.root) == [0, 0]
    expected = read_tensors(paths.generator / "model.safetensors")
    for rank in range(2):
        found = read_tensors(paths.root / f"model-{rank}" / "model.safetensors")
        torch.testing.assert_close(found, expected, atol=4e-5, rtol=0)


def test_what_the_model_said_of_held_out_images_is_kept(paths: Paths):
    QuestionerTraining(params(), paths).run()
    answers = HELD_OUT_ANSWERS.read(paths.results / "held_out" / "answers.parquet").to_pylist()
    assert {row["key"] for row in answers} == {"image2", "image5", "image8"}
    assert {tuple(row["references"]) for row in answers} == {("blue",), ("yes", "yes", "no")}
    captions = HELD_OUT_CAPTIONS.read(paths.results / "held_out" / "captions.parquet").to_pylist()
    assert {row["phrase"] for row in captions} == {"a blue square", "the circle."}


@pytest.mark.parametrize(
    ("model", "message"),
    [({"init_from": "models/generator"}, "init_from"), ({"image": {"resize": "crop"}}, "resize must be squash")],
)
def test_what_dvc_or_boxes_do_not_allow_is_refused(model: dict[str, Any], message: str):
    with pytest.raises(ValidationError, match=message):
        params(**model)
