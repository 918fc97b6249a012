"""InfoNCE between images and texts, with any number of positives per row.

With L2-normalised images u_i and texts v_j, scale s = exp(log_scale) and P(i) the texts that describe image i,

    image to text:  L_i = 1/|P(i)| Σ_{j∈P(i)} -log( e^{s u_i·v_j} / (e^{s u_i·v_j} + Σ_{k∉P(i)} e^{s u_i·v_k}) )
    text to image:  the same with rows and columns exchanged
    loss = ½ (mean_i L_i + mean_j L_j)

so a positive never competes with another positive: several captions of one image, and the captions of two
copies of one image, do not count as false negatives. With exactly one positive per row this is CLIP's loss. The
fraction is softplus(logsumexp over negatives - s u_i·v_j).

The scale is learnable; its logarithm is clamped to [0, ln 100] as in CLIP, so the temperature lies in [0.01, 1].

Source: Radford et al. 2021 (CLIP, https://arxiv.org/abs/2103.00020), figure 3; more than one positive per row is an
addition.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

MAX_SCALE = 100.0
EMPTY_SUM = -1e4


class Scale(nn.Module):
    """An inverse temperature, learnable or fixed: `forward()` gives exp(log_scale), clamped to [1, 100].

    >>> round(float(Scale(0.07, trained=False)()), 3)
    14.286
    """

    def __init__(self, temperature: float, trained: bool = True) -> None:
        super().__init__()
        value = torch.tensor(math.log(1.0 / temperature))
        if trained:
            self.log_scale = nn.Parameter(value)
        else:
            self.register_buffer("log_scale", value)

    def forward(self) -> Tensor:
        """The inverse temperature, a scalar."""
        return self.log_scale.clamp(0.0, math.log(MAX_SCALE)).exp()

    @torch.no_grad()
    def clamp(self) -> None:
        """Keep the stored logarithm inside its bounds: outside, its gradient would be zero for ever."""
        self.log_scale.clamp_(0.0, math.log(MAX_SCALE))


def info_nce(images: Tensor, texts: Tensor, positive: Tensor, scale: Tensor) -> Tensor:
    """Symmetric multi-positive InfoNCE, a scalar.

    images: [B, D] and texts: [N, D], L2-normalised; positive: [B, N] bool; scale: scalar. Rows without any
    positive do not count; a batch without positives gives 0.

    >>> images, texts = torch.eye(2), torch.eye(2)
    >>> loss = info_nce(images, texts, torch.eye(2, dtype=torch.bool), torch.tensor(1.0))
    >>> round(float(loss), 4)  # log(1 + 1 / e): each image has one negative, at a right angle
    0.3133
    """
    return symmetric_loss(scale * images @ texts.T, positive)


def symmetric_loss(logits: Tensor, positive: Tensor) -> Tensor:
    """`info_nce` from the scaled similarities [B, N]."""
    rows = mean_over_positives(logits, positive, ~positive)
    columns = mean_over_positives(logits.T, positive.T, ~positive.T)
    return (rows + columns) / 2


def mean_over_positives(
    logits: Tensor, positive: Tensor, negative: Tensor, extra_negatives: Tensor | None = None
) -> Tensor:
    """Mean over rows of the mean over a row's positives of softplus(logsumexp(negatives) - logit).

    logits, positive, negative: [rows, columns], the last two bool and disjoint; a column that is neither does
    not count. extra_negatives: [rows, H] logits. Rows without a positive are left out; none at all gives 0.

    >>> logits, positive = torch.tensor([[2.0, 2.0]]), torch.tensor([[True, False]])
    >>> round(float(mean_over_positives(logits, positive, ~positive)), 4)  # log 2: both are as likely
    0.6931
    """
    against = logits.masked_fill(~negative, -torch.inf)
    if extra_negatives is not None:
        against = torch.cat([against, extra_negatives], dim=1)
    # A row without negatives has nothing to lose: the floor stands for an empty sum without making NaN.
    against = functional.pad(against, (0, 1), value=EMPTY_SUM).logsumexp(dim=1, keepdim=True)
    weights = positive.to(logits.dtype) / positive.sum(dim=1, keepdim=True).clamp(min=1)
    total = (functional.softplus(against - logits) * weights).sum()
    return total / positive.any(dim=1).sum().clamp(min=1)
