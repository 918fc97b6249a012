"""Standardisation and whitening against their definitions."""

import pytest
import torch

from pipeline.encoders.common.token_norm import FLOOR, Standardisation, TokenNorm, Whitening


@pytest.mark.parametrize("norm", [Standardisation(4), Whitening(4)])
def test_the_identity_until_measured(norm: TokenNorm):
    tokens = torch.randn(3, 5, 4)
    assert torch.equal(norm(tokens), tokens)


def test_standardisation_centres_channels_and_keeps_their_proportions():
    tokens = torch.randn(500, 3) * torch.tensor([1.0, 10.0, 0.0]) + 5
    norm = Standardisation(3)
    norm.fit(tokens)
    found = norm(tokens)
    assert torch.allclose(found.mean(0), torch.zeros(3), atol=1e-4)
    assert torch.allclose(found.square().mean(), torch.tensor(1.0), atol=1e-3)
    assert torch.allclose(found[:, 1].std() / found[:, 0].std(), tokens[:, 1].std() / tokens[:, 0].std(), rtol=1e-3)


def test_covariance_becomes_the_identity_up_to_the_floor():
    torch.manual_seed(0)
    tokens = torch.randn(5000, 6) * torch.tensor([10.0, 3.0, 2.0, 1.0, 1.0, 0.01]) + 5
    mixed = tokens @ torch.linalg.qr(torch.randn(6, 6))[0]
    whitening = Whitening(6)
    whitening.fit(mixed)
    white = whitening(mixed)
    assert white.mean(dim=0).abs().max() < 1e-3
    variances = torch.linalg.eigvalsh(torch.cov(white.T))
    before = torch.linalg.eigvalsh(torch.cov(mixed.T))
    expected = before / (before + FLOOR * before.mean())
    assert torch.allclose(variances, expected, atol=1e-2)
    assert variances[0] < 0.01, "noise is not blown up"


def test_tokens_of_low_precision_are_not_rounded_further():
    whitening = Whitening(3)
    whitening.fit(torch.randn(100, 3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert whitening(torch.randn(2, 3).half()).dtype == torch.float32
