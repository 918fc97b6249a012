"""Whitening: every direction of an encoder's tokens at the same scale.

Pretrained tokens vary a thousand times more in some directions than in others, and what a task needs (the shape of
a thing, say) often lies in the weak ones, which a fresh layer behind them learns last. ZCA whitening (Bell and
Sejnowski 1997) turns tokens x of mean m and covariance C into (x - m)(C + εI)^-1/2. The floor ε, a share of the mean
variance, keeps directions that hold nothing but noise from being blown up.
"""

import torch
from torch import Tensor, nn

FLOOR = 0.01


class Whitening(nn.Module):
    """Measured once, on tokens of the training set; the identity until then."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("matrix", torch.eye(dim))

    @torch.no_grad()
    def fit(self, tokens: Tensor) -> None:
        """Measure on tokens [N, dim]."""
        rows = tokens.double().cpu()
        mean = rows.mean(dim=0)
        variances, directions = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
        scales = (variances + FLOOR * variances.mean()).clamp(min=1e-12).rsqrt()
        self.mean.copy_(mean)
        self.matrix.copy_(directions * scales @ directions.T)

    def forward(self, tokens: Tensor) -> Tensor:
        """[…,dim] to […,dim], never in less than float32: weak directions are small differences."""
        with torch.autocast(tokens.device.type, enabled=False):
            return (tokens.to(self.matrix.dtype) - self.mean) @ self.matrix
