"""Right against wrong answers: statements in the contrastive loss with hard negatives.

A statement says one thing about its image: a question with its right answer, as a sentence. Beside it stand copies
with another answer, which are wrong for this image, and perhaps right for others. For image i with one of its
statements p and the wrong copies w_h of that statement,

    L = -log( e^{s u_i·p} / (e^{s u_i·p} + Σ_h e^{s u_i·w_h}) )

averaged over all statements with at least one wrong copy. Statements of other images do not count as negatives: "the
star is red" is true of many images, and the data does not say of which.

Source: hard negative texts of NegCLIP (Yuksekgonul et al. 2023, https://arxiv.org/abs/2210.01936), limited to the image
itself.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def statement_contrast(right: Tensor, wrong: Tensor, real: Tensor, scale: Tensor) -> Tensor:
    """Scalar loss.

    right: [B, Q] cosine similarities of each image to its statements; wrong: [B, Q, H] to the wrong copies; real:
    [B, Q, H] bool, True where a wrong copy (and so its statement) exists.

    >>> right, wrong = torch.tensor([[0.5]]), torch.tensor([[[0.5]]])
    >>> loss = statement_contrast(right, wrong, torch.tensor([[[True]]]), torch.tensor(10.0))
    >>> round(float(loss), 4)  # log 2: right and wrong are as likely
    0.6931
    """
    against = (scale * wrong).masked_fill(~real, -torch.inf)
    counts = real.any(dim=2)
    if not bool(counts.any()):
        return right.sum() * 0.0
    return functional.softplus(against[counts].logsumexp(dim=1) - scale * right[counts]).mean()
