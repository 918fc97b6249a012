"""Distillation from class probabilities, from the stored table to the trained model, and mistakes of users."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.alignment import world

from pipeline.alignment.losses.kl_divergence import kl_divergence
from pipeline.alignment.params import DistillationParams
from pipeline.alignment.training.distillation import Distillation, check_pooling, read_targets
from pipeline.alignment.training.train import align
from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.storage.shards import ImageShards
from pipeline.tables.pairs import MANIFEST
from pipeline.teacher.table import TeacherEmbeddings, TeacherProvenance

KL = {"distillation": {"kind": "kl"}, "loss_weights": {"contrastive": 1.0, "distillation": 1.0, "regions": 0.0,
      "questions": 0.0}}  # fmt: skip


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return world.make(tmp_path_factory.mktemp("distillation"), teacher=world.SUPERVISED)


def test_stored_probabilities_are_read_as_they_are(paths: Paths) -> None:
    found = read_targets(
        DistillationParams(kind="kl"), paths.teacher, ["train001", "train000"], ImageShards(paths.pairs)
    )
    assert found.shape == (2, world.CLASSES) and bool((found >= 0).all())
    torch.testing.assert_close(found.double().sum(dim=1), torch.ones(2).double(), atol=2e-3, rtol=0)
    assert float(found.double().norm(dim=1).max()) < 0.999


def test_embeddings_of_other_images_are_refused(paths: Paths, tmp_path: Path) -> None:
    for tar in paths.pairs.glob("*.tar"):
        (tmp_path / tar.name).hardlink_to(tar)
    rows = MANIFEST.read(paths.pairs / "manifest.parquet").to_pylist()
    MANIFEST.write(tmp_path / "manifest.parquet", [row for row in rows if row["key"] != "train003"])
    with pytest.raises(UserError, match="images that are not there") as error:
        read_targets(DistillationParams(kind="kl"), paths.teacher, ["train000"], ImageShards(tmp_path))
    assert "train003" in error.value.found and str(paths.teacher) in error.value.where


def test_every_text_has_its_images_distribution() -> None:
    torch.manual_seed(0)
    teacher = torch.randn(3, 5).softmax(dim=1)
    distillation = Distillation(DistillationParams(kind="kl"), teacher, torch.arange(3), width=8, seed=0)
    assert not list(distillation.buffers()) and set(distillation.state_dict()) == {
        f"head.{layer}.{part}" for layer in (0, 1) for part in ("weight", "bias")
    }
    image, text = distillation.predict(torch.randn(3, 8)), distillation.predict(torch.randn(3, 2, 8))
    by_text = [kl_divergence(text[i, c][None], teacher[i][None]) for i in range(3) for c in range(2)]
    expected = (kl_divergence(image, teacher) + torch.stack(by_text).mean()) / 2
    torch.testing.assert_close(distillation.loss(image, text, teacher, torch.arange(3)), expected)


def test_the_stage_learns_the_teachers_classes(paths: Paths) -> None:
    training = {"seed": 1, "steps": 15, "batch_size": 8, "learning_rate": 0.03, "eval_every": 15, "log_every": 1}
    align(world.params(training=training, **KL), paths)
    header, *rows = (paths.plots / "training.csv").read_text().splitlines()
    losses = [float(row.split(",")[header.split(",").index("distillation")]) for row in rows]
    assert len(losses) == 15 and sum(losses[-5:]) < 0.5 * sum(losses[:5])


@pytest.mark.parametrize(
    ("kind", "pooling", "fits"),
    [
        ("kl", "class_probabilities", True),
        ("contrastive", "mean", True),
        ("squared_error", "cls", True),
        ("kl", "mean", False),
        ("kl", "cls", False),
        ("contrastive", "class_probabilities", False),
        ("squared_error", "class_probabilities", False),
    ],
)
def test_kind_and_pooling_must_fit(kind: str, pooling: str, fits: bool) -> None:
    params = DistillationParams.model_validate({"kind": kind})
    provenance = TeacherProvenance(model="m", weights="w", preprocessing="p", pooling=pooling)
    teacher = TeacherEmbeddings([], np.zeros((0, 2), np.float16), provenance, Path("data/teacher"))
    if fits:
        check_pooling(params, teacher)
        return
    with pytest.raises(UserError) as caught:
        check_pooling(params, teacher)
    assert caught.value.where == "align.distillation.kind and data/teacher"
    assert kind in caught.value.found and pooling in caught.value.found


def test_the_stage_refuses_a_wrong_teacher_before_it_computes_anything(paths: Paths) -> None:
    fresh = replace(paths, scratch=paths.root / "fresh")
    with pytest.raises(UserError, match="cannot learn from what the teacher stored"):
        align(world.params(), fresh)
    assert not fresh.scratch.exists()
    unused = {"contrastive": 1.0, "distillation": 0.0, "regions": 0.0, "questions": 0.0}
    align(world.params(loss_weights=unused), replace(fresh, teacher=paths.root / "nowhere"))
