"""Regularised canonical correlation analysis: linear maps of images and texts to one space, in closed form.

Given pooled tokens x of images and y of texts, centred, with covariances C_xx, C_yy, C_xy over true pairs, find linear
maps whose outputs correlate most:

    K_x = C_xx + ρ · mean eigenvalue of C_xx · 1,  K_y likewise
    K_x^{-1/2} · C_xy · K_y^{-1/2} = U Σ Vᵀ
    A = K_x^{-1/2} U_k Σ_k,   B = K_y^{-1/2} V_k Σ_k

and embed x → Aᵀx, y → Bᵀy. This takes seconds. On a few thousand images it alone is a better retrieval model than
gradient descent reaches from a random start before it overfits; training goes on from here.

The covariances are summed up batch by batch (`Covariances`), so memory is that of three matrices whatever the number
of images. Sums are in float64 and about zero, for which inputs should not lie far from it.

Source: Hotelling 1936; Vinod 1976 for the ridge; weighting by the correlations Σ: Gong et al. 2014, section 3.3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Covariances:
    """Means and covariances of images and of texts, and between both over true pairs, of all that was added."""

    def __init__(self, image_dim: int, text_dim: int) -> None:
        self._images, self._texts = 0, 0
        self._x, self._paired, self._y = (_zeros(dim) for dim in (image_dim, image_dim, text_dim))
        self._xx, self._yy = _zeros(image_dim, image_dim), _zeros(text_dim, text_dim)
        self._xy = _zeros(image_dim, text_dim)

    def add(self, images: Tensor, texts: Tensor, owner: Tensor) -> None:
        """Count images [N, Dx] and their texts [M, Dy]; owner: [M], the image of each text."""
        x, y = images.double(), texts.double()
        self._images, self._texts = self._images + len(x), self._texts + len(y)
        self._x += x.sum(dim=0)
        self._y += y.sum(dim=0)
        self._paired += x[owner].sum(dim=0)
        self._xx += x.T @ x
        self._yy += y.T @ y
        self._xy += x[owner].T @ y

    @property
    def means(self) -> tuple[Tensor, Tensor]:
        """Of images [Dx] and of texts [Dy]."""
        return self._x / self._images, self._y / self._texts

    def matrices(self) -> tuple[Tensor, Tensor, Tensor]:
        """C_xx [Dx, Dx], C_yy [Dy, Dy] and C_xy [Dx, Dy]."""
        x, y = self.means
        xx, yy = self._xx / self._images - torch.outer(x, x), self._yy / self._texts - torch.outer(y, y)
        return xx, yy, self._xy / self._texts - torch.outer(self._paired / self._texts, y)


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.float64)


def ridge_cca(found: Covariances, ridge: float, size: int) -> tuple[Tensor, Tensor]:
    """Maps [Dx, size] and [Dy, size], float64; columns beyond the rank are zero.

    Each map is scaled so that its outputs have a mean squared norm of 1, which is the trace of WᵀCW.
    """
    xx, yy, xy = found.matrices()
    left, right = inverse_root(xx, ridge), inverse_root(yy, ridge)
    u, s, v = torch.linalg.svd(left @ xy @ right, full_matrices=False)
    maps = []
    for covariance, root, vectors in ((xx, left, u), (yy, right, v.T)):
        weights = _zeros(len(covariance), size)
        rank = min(size, len(s))
        weights[:, :rank] = (root @ vectors * s)[:, :rank]
        maps.append(weights / (weights.T @ covariance @ weights).trace().sqrt().clamp(min=1e-12))
    return maps[0], maps[1]


def inverse_root(covariance: Tensor, ridge: float) -> Tensor:
    """(C + ridge · mean eigenvalue · 1)^{-1/2} of a symmetric matrix."""
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp(min=0) + max(ridge, 1e-9) * values.mean().clamp(min=1e-12)
    return vectors * values.rsqrt() @ vectors.T


@torch.no_grad()
def set_linear(layer: nn.Linear, weights: Tensor, mean: Tensor) -> None:
    """Make the layer x → (x - mean) · weights."""
    layer.weight.copy_(weights.T.float())
    layer.bias.copy_(-(mean @ weights).float())
