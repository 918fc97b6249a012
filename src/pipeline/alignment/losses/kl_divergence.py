"""Distillation from a supervised teacher: both branches predict its distribution over classes.

With the teacher's class probabilities p_i of an image and the student's q_i = softmax(z_i) of logits from one branch
(image or text),

    L = mean_i KL(p_i ‖ q_i) = mean_i Σ_c p_ic (log p_ic - log q_ic),   0 log 0 = 0
    loss = ½ (L over the image branch + L over the text branch)

The loss is zero where the student equals the teacher; its gradient with respect to the logits of row i is
(q_i - p_i) / N. Every text of an image has the image's p.

Source: Aytar et al. 2017, "See, Hear, and Read" (a vision model's class distribution transferred to other modalities,
https://arxiv.org/abs/1706.00932); first arm of the shared-encoder paper.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def kl_divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """The loss L of one branch, a scalar.

    student: [N, classes] logits; teacher: [N, classes] probabilities, row by row a pair. Stored as float16, they sum
    to one only to rounding, and are brought to it here.

    >>> import torch
    >>> teacher = torch.tensor([[0.5, 0.5]])
    >>> round(float(kl_divergence(torch.tensor([[0.75, 0.25]]).log(), teacher)), 4)
    0.1438
    """
    probabilities = teacher / teacher.sum(dim=1, keepdim=True)
    return functional.kl_div(student.log_softmax(dim=1), probabilities, reduction="batchmean")
