"""The contrastive objective: losses against obvious versions, and that it learns."""

import math
from pathlib import Path

import numpy as np
import torch
from scripts.pretraining.region_contrast import RegionContrast, at_points, at_points_of, info_nce, places, same_place

from pipeline.encoders.image.builtin_vit import builtin_vit
from pipeline.encoders.image.timm_model import preprocessing_of
from pipeline.training.loop import train
from pipeline.training.params import TrainingParams


def slow_info_nce(similarity: list[list[float]], ignored: list[list[bool]]) -> float:
    """InfoNCE with loops, both directions averaged."""
    size, total = len(similarity), 0.0
    for i in range(size):
        row = sum(math.exp(similarity[i][j]) for j in range(size) if not ignored[i][j])
        column = sum(math.exp(similarity[j][i]) for j in range(size) if not ignored[j][i])
        total += math.log(row) + math.log(column) - 2 * similarity[i][i]
    return total / (2 * size)


def test_info_nce_equals_slow_version() -> None:
    torch.manual_seed(0)
    similarity = torch.randn(7, 7, dtype=torch.float64)
    ignored = (torch.rand(7, 7) < 0.3).fill_diagonal_(False)
    found = info_nce(similarity, ignored).item()
    assert math.isclose(found, slow_info_nce(similarity.tolist(), ignored.tolist()), rel_tol=1e-12)


def test_same_place() -> None:
    points = torch.tensor([[0.0, 0.0], [0.3, 0.0], [0.9, 0.0], [0.0, 0.0]])
    pictures = torch.tensor([0, 0, 0, 1])
    expected = torch.zeros(4, 4, dtype=torch.bool)
    expected[0, 1] = expected[1, 0] = True
    assert torch.equal(same_place(points, pictures), expected)


def test_tokens_at_points() -> None:
    grids = torch.arange(36.0).view(1, 1, 6, 6)
    centres = torch.tensor([[[-1 + 1 / 6 + 2 / 6, -1 + 1 / 6 + 4 / 6]]])
    torch.testing.assert_close(at_points(grids, centres), torch.tensor([[[13.0]]]))
    several = torch.cat([grids, grids + 100])
    found = at_points_of(several, torch.tensor([[1, 0]]), centres.expand(1, 2, 2))
    torch.testing.assert_close(found, torch.tensor([[[113.0], [13.0]]]))


def test_places_follow_the_tokens() -> None:
    found = places(6)
    assert found.shape == (36, 2)
    torch.testing.assert_close(found[6], torch.tensor([-0.5, -5 / 6]))


def test_objective_learns(tmp_path: Path) -> None:
    """Blocks of random colours: points must be found better than by chance (1 of about 120) after a few steps."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (80, 4, 4, 3), dtype=np.uint8)
    pictures = blocks.repeat(24, axis=1).repeat(24, axis=2)
    torch.manual_seed(0)
    encoder = builtin_vit(stem=(4, 6, 8), embed_dim=16, depth=1, num_heads=2, batch_norm=True)
    objective = RegionContrast(encoder, pictures, preprocessing_of(encoder, {}), 30, 0.1, seed=0, held_out=30)
    before = objective.eval().validate()["found_with_colour"]
    params = TrainingParams(seed=0, steps=12, batch_size=30, learning_rate=1e-2, eval_every=12)
    train(objective, params, name="test", fingerprint="x", scratch=tmp_path, device="cpu")
    with torch.no_grad():
        after = objective.validate()["found_with_colour"]
    assert after > 10
    assert after > 2 * before
