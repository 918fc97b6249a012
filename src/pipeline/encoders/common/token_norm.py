"""Normalise an encoder's tokens with statistics that are measured once, on tokens of the training set.

`Standardisation` centres every channel and divides all by one deviation, since encoders differ in scale by orders of
magnitude: x to (x - m) / s. Channels keep their proportions.

`Whitening` brings every direction to one scale. Pretrained tokens vary a thousand times more in some directions than
in others, and what a task needs (the shape of a thing, say) often lies in the weak ones, which a fresh layer behind
them learns last. ZCA whitening (Bell and Sejnowski 1997) turns tokens x of mean m and covariance C into
(x - m)(C + εI)^-1/2. The floor ε, a share of the mean variance, keeps directions that hold nothing but noise from
being blown up.
"""

from abc import abstractmethod

import torch
from torch import Tensor, nn

FLOOR = 0.01


class TokenNorm(nn.Module):
    """Tokens […,dim] to tokens […,dim], float32; the identity until `fit`."""

    @abstractmethod
    def fit(self, tokens: Tensor) -> None:
        """Measure the statistics on tokens [N, dim]."""


class Standardisation(TokenNorm):
    """(x - mean per channel) / deviation over all channels."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("deviation", torch.ones(()))

    def fit(self, tokens: Tensor) -> None:
        """Measure the statistics on tokens [N, dim]."""
        self.mean.copy_(tokens.mean(dim=0))
        self.deviation.copy_((tokens - self.mean).square().mean().sqrt().clamp(min=1e-6))

    def forward(self, tokens: Tensor) -> Tensor:
        """[…,dim] to […,dim], float32."""
        return (tokens.float() - self.mean) / self.deviation


class Whitening(TokenNorm):
    """(x - mean) times the inverse square root of the covariance."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("matrix", torch.eye(dim))

    @torch.no_grad()
    def fit(self, tokens: Tensor) -> None:
        """Measure the statistics on tokens [N, dim], in float64."""
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
