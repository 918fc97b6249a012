"""Distillation by squared error: both branches predict the teacher's embedding itself.

    loss = ½ (mean_i ‖ŝ_i - t_i‖² over the image branch + the same over the text branch)

with L2-normalised predictions and teacher embeddings, so that the value lies in [0, 4] and equals 2 - 2 cos.
A text can never reach the image's own details: the shared-encoder paper finds this weaker than the
contrastive form, which is why it is the alternative and not the default.

Source: BYOL (Grill et al. 2020, https://arxiv.org/abs/2006.07733, equation 2) for the normalised form.
"""

from __future__ import annotations

from torch import Tensor


def squared_error(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over rows of the squared distance. student, teacher: [N, D], L2-normalised, row by row a pair.

    >>> import torch
    >>> float(squared_error(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])))
    2.0
    """
    return (student - teacher).square().sum(dim=1).mean()
