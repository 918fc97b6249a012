"""Distillation from class probabilities, from the stored table to the trained model, and mistakes of users."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from tests.alignment import world

from pipeline.alignment.data.splits import read_splits, triplets_in_use
from pipeline.alignment.data.teacher_targets import TeacherTargets, check_teacher, prepare_targets
from pipeline.alignment.losses.kl_divergence import kl_divergence
from pipeline.alignment.params import AlignParams, DistillationParams
from pipeline.alignment.training.distillation import Distillation
from pipeline.alignment.training.train import align
from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.storage.shards import ImageShards
from pipeline.tables.pairs import MANIFEST
from pipeline.teacher.table import TeacherProvenance, open_teacher, write_teacher

KL = {"distillation": {"kind": "kl"}, "loss_weights": {"contrastive": 1.0, "distillation": 1.0, "regions": 0.0,
      "questions": 0.0}}  # fmt: skip


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return world.make(tmp_path_factory.mktemp("distillation"), teacher=world.SUPERVISED)


def targets(paths: Paths, params: AlignParams, folder: Path, pairs: Path | None = None) -> TeacherTargets:
    shards = ImageShards(pairs or paths.pairs)
    splits = read_splits(shards, triplets_in_use(params, paths.triplets, shards), params, folder / "align", folder)
    teacher = check_teacher(params.distillation, paths.teacher, shards)
    return prepare_targets(teacher, splits, folder / "align", folder)


def test_stored_probabilities_are_read_as_they_are(paths: Paths, tmp_path: Path) -> None:
    found = targets(paths, world.params(**KL), tmp_path).get([1, 0])
    assert found.shape == (2, world.CLASSES) and bool((found >= 0).all())
    torch.testing.assert_close(found.double().sum(dim=1), torch.ones(2).double(), atol=2e-3, rtol=0)
    assert float(found.double().norm(dim=1).max()) < 0.999


def test_targets_are_those_of_their_images_in_any_order_and_normalised(tmp_path: Path) -> None:
    paths = world.make(tmp_path / "world", train=5, val=2)
    file = paths.teacher / "train-00000.parquet"
    table = open_teacher(paths.teacher)
    rows = pq.read_table(file)
    pq.write_table(rows.take([3, 1, 4, 0, 2]), file)
    found = targets(paths, world.params(), tmp_path).get([4, 0, 1])
    stored = np.array(rows["embedding"].to_pylist(), np.float32)[[4, 0, 1]]
    expected = stored / np.linalg.norm(stored, axis=1, keepdims=True)
    assert found.dtype == torch.float16 and found.shape == (3, table.dim)
    np.testing.assert_allclose(found.float().numpy(), expected, atol=1e-3)


def test_embeddings_of_other_images_are_refused(paths: Paths, tmp_path: Path) -> None:
    for tar in paths.pairs.glob("*.tar"):
        (tmp_path / tar.name).hardlink_to(tar)
    rows = MANIFEST.read(paths.pairs / "manifest.parquet").to_pylist()
    MANIFEST.write(tmp_path / "manifest.parquet", [row for row in rows if row["key"] != "train003"])
    params = world.params(**KL, contrastive={"synthetic_caption_prob": 0.0})
    with pytest.raises(UserError, match="images that are not there") as error:
        targets(paths, params, tmp_path / "scratch", tmp_path)
    assert "train003" in error.value.found and str(paths.teacher) in error.value.where
    MANIFEST.write(tmp_path / "manifest.parquet", [row for row in rows if row["split"] == "train"])
    with pytest.raises(UserError, match="of shards that are not there") as error:
        check_teacher(params.distillation, paths.teacher, ImageShards(tmp_path))
    assert "val-00000" in error.value.found


@dataclass
class Stored:
    """Targets in memory."""

    table: torch.Tensor

    def __post_init__(self) -> None:
        self.dim = self.table.shape[1]

    def __len__(self) -> int:
        return len(self.table)

    def get(self, numbers: Sequence[int]) -> torch.Tensor:
        return self.table[list(numbers)]


def test_every_text_has_its_images_distribution() -> None:
    torch.manual_seed(0)
    teacher = torch.randn(3, 5).softmax(dim=1)
    distillation = Distillation(DistillationParams(kind="kl"), Stored(teacher), torch.arange(3), width=8, seed=0)
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
def test_kind_and_pooling_must_fit(paths: Paths, tmp_path: Path, kind: str, pooling: str, fits: bool) -> None:
    params = DistillationParams.model_validate({"kind": kind})
    provenance = TeacherProvenance(model="m", weights="w", preprocessing="p", pooling=pooling)
    folder = tmp_path / "teacher"
    write_teacher(folder / "train-00000.parquet", ["a"], np.ones((1, 2)), provenance)
    shards = ImageShards(paths.pairs)
    if fits:
        check_teacher(params, folder, shards)
        return
    with pytest.raises(UserError) as caught:
        check_teacher(params, folder, shards)
    assert caught.value.where == f"align.distillation.kind and {folder}"
    assert kind in caught.value.found and pooling in caught.value.found


def test_the_stage_refuses_a_wrong_teacher_before_it_computes_anything(paths: Paths) -> None:
    fresh = replace(paths, scratch=paths.root / "fresh")
    with pytest.raises(UserError, match="cannot learn from what the teacher stored"):
        align(world.params(), fresh)
    assert not fresh.scratch.exists()
    unused = {"contrastive": 1.0, "distillation": 0.0, "regions": 0.0, "questions": 0.0}
    align(world.params(loss_weights=unused), replace(fresh, teacher=paths.root / "nowhere"))
