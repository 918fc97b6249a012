"""Canonical correlations beside the textbook's eigenvalue problem."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pipeline.alignment.training.ridge_cca import Covariances, ridge_cca, set_linear


def related(count: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(count, 9, generator=generator, dtype=torch.float64)
    mixing = torch.randn(3, 9, generator=generator, dtype=torch.float64)
    both = hidden @ mixing + 0.5 * noise + 3
    return both[:, :5], both[:, 5:]


def cca(x: torch.Tensor, y: torch.Tensor, owner: torch.Tensor, ridge: float, size: int) -> tuple[torch.Tensor, ...]:
    found = Covariances(x.shape[1], y.shape[1])
    found.add(x, y, owner)
    return ridge_cca(found, ridge, size)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5), st.integers(0, 99))
def test_sums_over_batches_are_the_covariances(batches: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(20, 4, generator=generator, dtype=torch.float64) + 2
    owner = torch.randint(0, 20, (50,), generator=generator).sort().values
    y = x[owner][:, :3] + torch.randn(50, 3, generator=generator, dtype=torch.float64)
    found = Covariances(4, 3)
    for part in torch.arange(20).tensor_split(batches):
        texts = torch.isin(owner, part)
        found.add(x[part], y[texts], owner[texts] - part[0])
    u, v = x - x.mean(0), y - y.mean(0)
    expected = u.T @ u / 20, v.T @ v / 50, u[owner].T @ v / 50
    for matrix, direct in zip(found.matrices(), expected, strict=True):
        torch.testing.assert_close(matrix, direct)
    for mean, direct in zip(found.means, (x.mean(0), y.mean(0)), strict=True):
        torch.testing.assert_close(mean, direct)
    weights, _ = ridge_cca(found, 0.5, 3)
    assert abs(float((u @ weights).square().sum(dim=1).mean()) - 1) < 1e-9


def test_outputs_correlate_as_the_eigenvalue_problem_says() -> None:
    x, y = related()
    a, b = cca(x, y, torch.arange(len(x)), ridge=1e-9, size=4)
    u, v = (x - x.mean(0)) @ a, (y - y.mean(0)) @ b
    found = [float(np.corrcoef(u[:, k], v[:, k])[0, 1]) for k in range(4)]
    joint = np.cov(np.concatenate([x.numpy(), y.numpy()], axis=1).T)
    cxx, cxy, cyy = joint[:5, :5], joint[:5, 5:], joint[5:, 5:]
    product = np.linalg.solve(cxx, cxy) @ np.linalg.solve(cyy, cxy.T)
    expected = np.sqrt(np.sort(np.linalg.eigvals(product).real)[::-1][:4].clip(0))
    assert np.allclose(found, expected, atol=1e-4)


def test_several_texts_of_one_image_count_like_repeated_images() -> None:
    x, y = related(60)
    owner = torch.arange(60) // 2
    repeated = cca(x[:30].repeat_interleave(2, 0), y, torch.arange(60), 0.5, 3)
    for found, expected in zip(cca(x[:30], y, owner, 0.5, 3), repeated, strict=True):
        assert torch.allclose(found.abs(), expected.abs(), atol=1e-8)


def test_columns_beyond_the_rank_are_zero_and_the_layer_centres() -> None:
    x, y = related()
    a, _ = cca(x, y, torch.arange(len(x)), 0.1, 7)
    assert torch.equal(a[:, 4:], torch.zeros(5, 3, dtype=torch.float64))
    layer = nn.Linear(5, 7)
    set_linear(layer, a, x.mean(0))
    assert torch.allclose(layer(x.float()).double(), (x - x.mean(0)) @ a, atol=1e-4)
