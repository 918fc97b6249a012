"""A training as a whole: killed, going on from an earlier model, what it writes, and what cannot be trained."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from pydantic import ValidationError
from tests.questioner import annotated
from tests.questioner.killed import contents, die_before, in_process
from tests.questioner.small import FEW_IMAGES, training
from tests.questioner.two_processes import PARAMS
from tests.training.objectives import in_two_processes

from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.encoders.common.checkpoint import read_tensors
from pipeline.questioner.training.params import TrainFilterParams, TrainGeneratorParams
from pipeline.questioner.training.train import QuestionerTraining
from pipeline.storage.shards import ImageShards
from pipeline.tables.held_out import HELD_OUT_ANSWERS, HELD_OUT_CAPTIONS

EARLIER = "data/raw/encoders/earlier"


def params(layers: int = 1, task: str = "generator", **model: Any) -> TrainGeneratorParams | TrainFilterParams:
    return (TrainGeneratorParams if task == "generator" else TrainFilterParams).model_validate(
        {
            "model": {"train_image_encoder": False, "text": {"layers": layers}, **model},
            "samples": {"mask_prob": 0.6},
            "validation": FEW_IMAGES,
            "training": training(6),
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
    with pytest.raises(UserError, match="A file is missing"):
        QuestionerTraining(params(init_from="data/raw/encoders/nowhere"), paths)


def test_a_picture_that_was_painted_over_is_refused_beside_a_training_from_pixels_that_finished(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
):
    read: list[set[str]] = []
    jpeg = ImageShards.jpeg

    def noted(self: ImageShards, key: str) -> bytes:
        read[-1].add(key)
        return jpeg(self, key)

    monkeypatch.setattr(ImageShards, "jpeg", noted)
    monkeypatch.setattr("pipeline.questioner.data.image_inputs.IMAGES_FOR_WHITENING", 1)
    for _ in range(2):
        read.append(set())
        QuestionerTraining(params(train_image_encoder=True), paths).run()
    key = min(read[0] - read[1])  # The second start finds the training finished, and does not read this one.
    annotated.paint_over(paths.annotations, key)
    with pytest.raises(UserError, match="not the one that the manifest lists") as error:
        QuestionerTraining(params(train_image_encoder=True), paths).run()
    assert error.value.where.endswith(f"train-00000.tar: {key}")


def train_until(root: str, task: str, death: int | None) -> None:
    """Train; before update `death` this process kills itself."""
    die_before(death)
    QuestionerTraining(params(task=task), Paths.of(Path(root), f"train_{task}")).run()


@pytest.mark.parametrize("task", ["generator", "filter"])
def test_a_killed_training_gives_the_same_bytes(tmp_path: Path, root: Path, task: str):
    models, said = [], ""
    for name, deaths in (("whole", [None]), ("killed", [3, None])):
        paths = Paths.of(tmp_path / name, f"train_{task}")
        annotated.write_annotations(paths.annotations)
        for death in deaths:
            call = f"{__name__}.train_until({str(paths.root)!r}, {task!r}, {death})"
            said = in_process(root, call, death is not None)
        models.append(contents(paths.generator if task == "generator" else paths.filter_model, paths.results))
    assert "going on from step 3" in said
    assert models[0] == models[1]


def test_two_processes_train_the_model_of_one(paths: Paths, root: Path):
    QuestionerTraining(PARAMS, paths).run()
    assert in_two_processes(root, "tests.questioner.two_processes", paths.root) == [0, 0]
    expected = read_tensors(paths.generator / "model.safetensors")
    for rank in range(2):
        found = read_tensors(paths.root / f"model-{rank}" / "model.safetensors")
        torch.testing.assert_close(found, expected, atol=4e-5, rtol=0)


@pytest.mark.parametrize("region_prompt", ["roi_tokens", "mask_channel", "coordinates"])
@pytest.mark.parametrize("task", ["generator", "filter"])
def test_bfloat16_learns_what_float32_learns(
    paths: Paths, task: str, region_prompt: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.execution.precision.has_bfloat16", lambda _: True)
    chosen = params(task=task).model_copy(update={"region_prompt": region_prompt})
    losses = {}
    for asked in ("float32", "bfloat16"):
        small_steps = chosen.training.model_copy(update={"precision": asked, "learning_rate": 1e-4})
        QuestionerTraining(chosen.model_copy(update={"training": small_steps}), paths).run()
        losses[asked] = pl.read_csv(paths.plots / "validation.csv")["log_likelihood"].to_list()
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)
    assert losses["bfloat16"] != losses["float32"]


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
