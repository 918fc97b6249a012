"""The presets' models at their real size, with random weights: each is built and makes one update.

Nothing else ever runs them without a GPU and a download: a name that timm does not know, a width that does not fit or a
batch that cannot be split would show after days. Each test needs some gigabytes of memory for a minute.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from PIL import Image
from tests.alignment import world
from tests.questioner import annotated

from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.train import assemble
from pipeline.core.settings import read_params
from pipeline.core.stage import Paths
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.plan.sample_data import write_bert_base
from pipeline.plan.stand_ins import untrained
from pipeline.questioner.pretraining.params import PretrainParams
from pipeline.questioner.pretraining.train import Pretraining
from pipeline.questioner.training.params import TrainFilterParams, TrainGeneratorParams
from pipeline.questioner.training.train import QuestionerTraining
from pipeline.teacher.params import EmbedTeacherParams
from pipeline.training import distributed
from pipeline.training.loop import Run
from pipeline.training.objective import Objective
from pipeline.training.params import TrainingParams
from pipeline.triplets.generate.detector import Detector
from pipeline.triplets.generate.params import DetectorBoxes

GIGABYTES = 12
SHORT = {"steps": 1, "batch_size": 2, "micro_batch_size": 1, "eval_every": 1, "precision": "float32"}
"""One update of two samples. In bfloat16 it takes minutes on a processor that has no such arithmetic."""

pytestmark = pytest.mark.skipif(
    psutil.virtual_memory().available < GIGABYTES * 1e9, reason=f"needs {GIGABYTES} GB of free memory"
)


def section(root: Path, preset: str, name: str, **changes: dict[str, Any]) -> dict[str, Any]:
    """A section of a preset with changes to its blocks, and random weights for every encoder and model."""
    content = read_params(root / "presets" / f"{preset}.yaml")[name]
    for block, values in changes.items():
        content[block] |= values
    return untrained(content)


def provide_bert_base(root: Path) -> None:
    """The shape and the vocabulary's size of BERT base, where `hf:google-bert/bert-base-uncased` finds them."""
    write_bert_base(root / "google-bert" / "bert-base-uncased")


def parameters_after_one_update(objective: Objective, params: TrainingParams) -> int:
    """Number of trained parameters, all of which an update must have moved or left finite."""
    with distributed.world() as processes:
        run = Run(objective, params, "real", Path("unused"), processes, torch.device("cpu"))
        run.update([objective.collate([item], 0) for item in objective.batch(0)])
    assert run.skipped == 0
    return sum(parameter.numel() for parameter in run.trained)


@pytest.mark.parametrize(
    ("name", "model", "trained"),
    [("train_generator", TrainGeneratorParams, 400_000_000), ("train_filter", TrainFilterParams, 400_000_000)],
)
def test_generator_and_filter_model(tmp_path: Path, root: Path, name: str, model: type, trained: int) -> None:
    paths = Paths.of(tmp_path, name)
    provide_bert_base(tmp_path)
    annotated.write_annotations(paths.annotations, images=4)
    params = model.model_validate(section(root, "cc3m", name, training=SHORT))
    training = QuestionerTraining(params, paths)
    assert parameters_after_one_update(training.objective(), params.training) > trained


def test_pretrained_model(tmp_path: Path, root: Path) -> None:
    paths = Paths.of(tmp_path, "pretrain")
    provide_bert_base(tmp_path)
    annotated.write_pairs(paths.pairs, images=6)
    params = PretrainParams.model_validate(section(root, "cc3m", "pretrain", training=SHORT))
    training = Pretraining(params, paths)
    assert parameters_after_one_update(training.objective(), params.training) > 400_000_000


@pytest.mark.parametrize(("preset", "trained"), [("cc3m", 7_000_000), ("s-smke", 100_000_000)])
def test_shared_encoder(tmp_path: Path, root: Path, preset: str, trained: int) -> None:
    provide_bert_base(tmp_path)
    teacher = EmbedTeacherParams.model_validate(section(root, preset, "embed_teacher"))
    paths = world.make(tmp_path, train=4, val=2, teacher=teacher)
    params = AlignParams.model_validate(section(root, preset, "align", training=SHORT))
    assert parameters_after_one_update(assemble(params, paths).objective, params.training) > trained


@pytest.mark.parametrize("preset", ["cc3m", "s-smke"])
def test_the_teacher_is_another_network_than_the_student(root: Path, preset: str) -> None:
    content = read_params(root / "presets" / f"{preset}.yaml")
    teacher, student = content["embed_teacher"]["encoder"], content["align"]["image_encoder"]
    assert teacher["name"] != student["name"]
    assert "_ft_" not in teacher["name"] and "_ft_" not in student["name"]


def test_detector(tmp_path: Path, root: Path) -> None:
    from torchvision.models import detection

    params = DetectorBoxes.model_validate(read_params(root / "presets" / "cc3m.yaml")["generate"]["boxes"])
    weights = tmp_path / "detector.pth"
    torch.save(getattr(detection, params.model)(weights=None, weights_backbone=None).state_dict(), weights)
    boxes = Detector.load(params, weights, "cpu").find([Image.new("RGB", (320, 240), "red")])
    assert len(boxes) == 1 and len(boxes[0]) <= params.top_n


def test_encoders_have_the_class_tokens_that_are_read(root: Path) -> None:
    for preset in ("cc3m", "s-smke"):
        params = EmbedTeacherParams.model_validate(section(root, preset, "embed_teacher"))
        assert params.pooling == "cls"
        load_image_encoder(params.encoder, root).require_class_token("", "")
